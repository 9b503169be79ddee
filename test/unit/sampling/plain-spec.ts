import { type SamplingSpec } from '../../../server/src/engine/protocol.js';

/** Sampling settings with every filter, bias and penalty off, and some set. */
export function plainSpec(over: Partial<SamplingSpec> = {}): SamplingSpec {
  return {
    temperature: 1,
    topK: 0,
    topP: 1,
    minP: 0,
    typicalP: 1,
    repetitionPenalty: 1,
    presencePenalty: 0,
    frequencyPenalty: 0,
    penaltyLastN: 64,
    seed: 1,
    logitBias: [],
    ignoreEos: false,
    ...over,
  };
}
