import { type StepStats } from '@outrider/sdk/proto';
import { type GenerateSpec, type StreamCompletion } from '../../server/src/engine/protocol.js';
import { type PairedSchedulers } from './paired-schedulers.js';

/** What varies among streams over tables. */
export interface Request {
  readonly prompt: readonly number[];
  readonly maxTokens: number;
  readonly temperature: number;
  readonly topK: number;
  readonly repetitionPenalty: number;
  readonly seed: number;
  readonly stop: readonly string[];
  readonly maxDraftTokens: number;
  readonly minDraftTokens: number;
  readonly minDraftProbability: number;
  readonly fixed: boolean;
  readonly ngram: boolean;
  readonly overlap: boolean;
  readonly cachePrompt: boolean;
}

/** What a caller sees of a stream. */
export interface Output {
  readonly ids: readonly number[];
  readonly text: string;
  /** How it completed, or its last event. */
  readonly end: unknown;
}

/** A greedy stream of eight tokens. */
export const easy: Request = {
  prompt: [1, 0],
  maxTokens: 8,
  temperature: 0,
  topK: 0,
  repetitionPenalty: 1,
  seed: 1,
  stop: [],
  maxDraftTokens: 4,
  minDraftTokens: 0,
  minDraftProbability: 0,
  fixed: true,
  ngram: false,
  overlap: false,
  cachePrompt: false,
};

/** The stream that a request asks for. */
export function specOf(stream: number, request: Request): GenerateSpec {
  return {
    stream,
    model: 'models/target',
    promptIds: Uint32Array.from(request.prompt),
    maxTokens: request.maxTokens,
    stop: request.stop,
    sampling: {
      temperature: request.temperature,
      topK: request.topK,
      topP: 1,
      minP: 0,
      typicalP: 1,
      repetitionPenalty: request.repetitionPenalty,
      presencePenalty: 0,
      frequencyPenalty: 0,
      penaltyLastN: 8,
      seed: request.seed,
      logitBias: [],
      ignoreEos: false,
    },
    speculation: {
      maxDraftTokens: request.maxDraftTokens,
      minDraftTokens: Math.min(request.minDraftTokens, request.maxDraftTokens),
      minDraftProbability: request.minDraftProbability,
      fixed: request.fixed,
      ngram: request.ngram,
      overlap: request.overlap,
    },
    cachePrompt: request.cachePrompt,
    statsLevel: 'STATS_LEVEL_DETAILED',
  };
}

/** What a caller sees of a stream, however it was made. */
export function outputOf(pair: PairedSchedulers, stream: number): Output {
  const events = pair.events.get(stream) ?? [];
  const tokens = events.flatMap(event => (event.type === 'step' ? event.step.tokens : []));
  const completion = completionOf(pair, stream);
  return {
    ids: tokens.map(token => token.id),
    text: tokens.map(token => token.text).join(''),
    end:
      completion === undefined
        ? events.at(-1)
        : {
            reason: completion.finishReason,
            stop: completion.matchedStop,
            tokens: completion.usage.completionTokens,
          },
  };
}

/** How a stream ended; undefined where it did not complete. */
export function completionOf(pair: PairedSchedulers, stream: number): StreamCompletion | undefined {
  const last = pair.events.get(stream)?.at(-1);
  return last?.type === 'completed' ? last.completion : undefined;
}

/** Statistics of each verify step of a stream. */
export function statsOf(pair: PairedSchedulers, stream: number): StepStats[] {
  const events = pair.events.get(stream) ?? [];
  return events.flatMap(event =>
    event.type === 'step' && event.step.stats !== undefined ? [event.step.stats] : [],
  );
}
