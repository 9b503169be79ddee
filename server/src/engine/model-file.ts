import { statSync } from 'node:fs';
import { CodedError } from '../coded-error.js';

/** One tensor as the header lists it. */
export interface ModelTensor {
  readonly name: string;
  /** Number of its ggml type. */
  readonly type: number;
  /** Elements per dimension, rows first. */
  readonly dimensions: readonly number[];
  /** Part of a split file that holds it, from 1. */
  readonly part: number;
  /** Where its bytes begin in that part. */
  readonly offset: number;
}

/** What a GGUF header says of a model, as far as loading needs it. */
export interface ModelHeader {
  readonly displayName: string;
  readonly architecture: string;
  readonly quantization: string;
  /** Tokens; 0 where the file does not say. */
  readonly trainedContextLength: number;
  /** Blocks, output not counted. */
  readonly layers: number;
  /** Bytes of all parts. */
  readonly fileBytes: number;
  readonly tensors: readonly ModelTensor[];
}

/**
 * Reads the header of a GGUF file, first part of a split one included.
 * @throws CodedError BAD_MODEL_FILE when it is not one, or is cut off
 */
export async function readModelHeader(path: string): Promise<ModelHeader> {
  // Loaded on first use: the package takes most of a second to import.
  const { GgufFileType, readGgufFileInfo } = await import('node-llama-cpp');
  const info = await readGgufFileInfo(path, {
    sourceType: 'filesystem',
    logWarnings: false,
    ignoreKeys: ['tokenizer.ggml.tokens', 'tokenizer.ggml.merges', 'tokenizer.ggml.scores'],
  }).catch((error: unknown) => {
    throw new CodedError(
      'BAD_MODEL_FILE',
      'the file is not a readable GGUF model, or it is cut off',
      {
        cause: error,
      },
    );
  });
  const { general } = info.metadata;
  const architecture: Record<string, unknown> = { ...info.architectureMetadata };
  return {
    displayName: general.name ?? '',
    architecture: general.architecture,
    quantization: quantizationName(GgufFileType, general.file_type),
    trainedContextLength: numberOr(architecture['context_length'], 0),
    layers: numberOr(architecture['block_count'], 0),
    fileBytes: partsOf(path, info.splicedParts).reduce((sum, part) => sum + statSync(part).size, 0),
    tensors: (info.fullTensorInfo ?? []).map(tensor => ({
      name: tensor.name,
      type: tensor.ggmlType,
      dimensions: tensor.dimensions.map(Number),
      part: tensor.filePart,
      offset: Number(tensor.fileOffset),
    })),
  };
}

function quantizationName(
  types: Readonly<Record<string | number, string | number>>,
  type: number | undefined,
): string {
  const name = type === undefined ? undefined : types[type];
  return typeof name === 'string' ? name.replace(/^(ALL|MOSTLY)_/, '') : 'unknown';
}

function numberOr(value: unknown, otherwise: number): number {
  return typeof value === 'number' || typeof value === 'bigint' ? Number(value) : otherwise;
}

function partsOf(path: string, parts: number): string[] {
  if (parts <= 1) return [path];
  return Array.from({ length: parts }, (_, index) =>
    path.replace(/-\d{5}-of-(\d{5})\.gguf$/, (_match, total: string) => {
      return `-${String(index + 1).padStart(5, '0')}-of-${total}.gguf`;
    }),
  );
}
