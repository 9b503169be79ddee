import { type ModelInfo } from '@outrider/sdk/proto';
import { type ModelHeader } from './model-file.js';

/** What llama.cpp knows of a file beyond its header. */
export interface NativeFacts {
  readonly parameterCount: number;
  /** Blocks, output not counted. */
  readonly layers: number;
  readonly vocabularySize: number;
  readonly trainedContextLength: number;
  readonly hasChatTemplate: boolean;
  readonly canSpeculate: boolean;
}

/** The contract's description of a file. */
export function modelInfo(header: ModelHeader, facts: NativeFacts): ModelInfo {
  const { displayName, architecture, quantization, fileBytes } = header;
  return {
    displayName,
    architecture,
    quantization,
    parameterCount: facts.parameterCount,
    fileBytes,
    layers: facts.layers,
    vocabularySize: facts.vocabularySize,
    trainedContextLength: facts.trainedContextLength,
    hasChatTemplate: facts.hasChatTemplate,
    canSpeculate: facts.canSpeculate,
  };
}
