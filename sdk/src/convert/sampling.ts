import type * as wire from '../proto.js';
import { type Sampling } from '../types/generate.js';
import { refuse, withoutAbsent } from './presence.js';

/** How tokens are chosen, as it is sent. @throws InvalidRequestError for a grammar of two kinds or none */
export function writeSampling(sampling: Sampling): wire.SamplingParams {
  const { logitBias, ignoreEos, grammar, ...numbers } = sampling;
  return {
    temperature: numbers.temperature,
    topK: numbers.topK,
    topP: numbers.topP,
    minP: numbers.minP,
    typicalP: numbers.typicalP,
    repetitionPenalty: numbers.repetitionPenalty,
    presencePenalty: numbers.presencePenalty,
    frequencyPenalty: numbers.frequencyPenalty,
    penaltyLastN: numbers.penaltyLastN,
    seed: numbers.seed,
    logitBias: Object.entries(logitBias ?? {}).map(([id, bias]) => ({ tokenId: Number(id), bias })),
    ignoreEos: ignoreEos ?? false,
    grammar: grammar && writeGrammar(grammar),
  };
}

/** The inverse of {@link writeSampling}; what is not set is left out. */
export function readSampling(params: wire.SamplingParams): Sampling {
  const { logitBias, ignoreEos, grammar, ...numbers } = params;
  return withoutAbsent({
    ...numbers,
    logitBias:
      logitBias.length === 0
        ? undefined
        : Object.fromEntries(logitBias.map(({ tokenId, bias }) => [tokenId, bias])),
    ignoreEos: ignoreEos || undefined,
    grammar: grammar && readGrammar(grammar),
  });
}

type Grammar = NonNullable<Sampling['grammar']>;
type WireGrammar = NonNullable<wire.SamplingParams['grammar']>;

function writeGrammar(grammar: Grammar): WireGrammar {
  const keys = Object.keys(grammar);
  if (keys.length === 1 && 'gbnf' in grammar) return { $case: 'gbnf', value: grammar.gbnf };
  if (keys.length === 1 && 'jsonSchema' in grammar)
    return { $case: 'jsonSchema', value: JSON.stringify(grammar.jsonSchema) };
  return refuse('grammar', 'give either gbnf or jsonSchema');
}

function readGrammar(grammar: WireGrammar): Grammar {
  if (grammar.$case === 'gbnf') return { gbnf: grammar.value };
  return { jsonSchema: JSON.parse(grammar.value) as object };
}
