import { randomInt } from 'node:crypto';
import { type SamplingParams } from '@outrider/sdk/proto';
import { type SamplingSpec } from '../engine/protocol.js';

/** How tokens are chosen, with the server's defaults and then the contract's in what a request leaves unset. */
export function samplingSpec(
  params: SamplingParams | undefined,
  defaults: Partial<SamplingParams>,
  randomSeed: () => number = () => randomInt(2 ** 32),
): SamplingSpec {
  const biases = params?.logitBias ?? [];
  return {
    temperature: params?.temperature ?? defaults.temperature ?? 0.8,
    topK: params?.topK ?? defaults.topK ?? 40,
    topP: params?.topP ?? defaults.topP ?? 0.95,
    minP: params?.minP ?? defaults.minP ?? 0.05,
    typicalP: params?.typicalP ?? defaults.typicalP ?? 1,
    repetitionPenalty: params?.repetitionPenalty ?? defaults.repetitionPenalty ?? 1,
    presencePenalty: params?.presencePenalty ?? defaults.presencePenalty ?? 0,
    frequencyPenalty: params?.frequencyPenalty ?? defaults.frequencyPenalty ?? 0,
    penaltyLastN: params?.penaltyLastN ?? defaults.penaltyLastN ?? 64,
    seed: params?.seed ?? defaults.seed ?? randomSeed(),
    logitBias: (biases.length > 0 ? biases : (defaults.logitBias ?? [])).map(
      ({ tokenId, bias }) => ({ tokenId, bias }),
    ),
    ignoreEos: params?.ignoreEos === true || defaults.ignoreEos === true,
  };
}
