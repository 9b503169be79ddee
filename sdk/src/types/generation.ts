import { type EffectivePlacement } from './placement.js';
import { type EffectiveSpeculation } from './speculation.js';
import { type SpeculationSummary, type StepStats } from './statistics.js';

/** Why a generation ended well. */
export type FinishReason = 'end_of_text' | 'stop' | 'length' | 'context';

/** An alternative to a token. */
export interface TokenLogprob {
  /** Token id. */
  id: number;
  /** Its text alone. */
  text: string;
  /** Natural log. */
  logprob: number;
}

/** One token of the output. */
export interface Token {
  /** Token id. */
  id: number;
  /** Text released by it; may be empty, the concatenation is the completion. */
  text: string;
  /** It was drafted and accepted. */
  fromDraft: boolean;
  /** Natural log, before any sampling setting; absent unless `logprobs` was asked for. */
  logprob?: number | undefined;
  /** As many as asked for, best first. */
  topLogprobs: TokenLogprob[];
}

/** The request left the queue; nothing is evaluated yet. */
export interface GenerationStarted {
  /** Names this call in the server's log. */
  requestId: string;
  /** `models/{id}`. */
  model: string;
  /** After tokenisation. */
  promptTokens: number;
  /** Of them, already in the target's KV. */
  cachedTokens: number;
  /** In use. */
  seed: number;
  /** Decided, with the reason when off. */
  speculation: EffectiveSpeculation;
  /** Of the target. */
  targetPlacement: EffectivePlacement;
  /** Of the draft; absent without one. */
  draftPlacement?: EffectivePlacement | undefined;
}

/** Token counts. */
export interface Usage {
  /** In. */
  promptTokens: number;
  /** Out: every token sent. */
  completionTokens: number;
  /** Of the prompt, not evaluated again. */
  cachedTokens: number;
}

/** Wall times, in microseconds. */
export interface Timings {
  /** Arrival to start. */
  queueUs: number;
  /** Start to first token. */
  promptUs: number;
  /** Queue + prompt. */
  timeToFirstTokenUs: number;
  /** First token to last. */
  decodeUs: number;
  /** Arrival to last token. */
  totalUs: number;
  /** Evaluated prompt tokens per second. */
  promptTokensPerSecond?: number | undefined;
  /** Tokens after the first per second of decoding; absent for one token. */
  tokensPerSecond?: number | undefined;
}

/** The end of a generation. */
export interface GenerationCompletion {
  /** Why it ended. */
  finishReason?: FinishReason | undefined;
  /** The stop string, for `stop`. */
  matchedStop?: string | undefined;
  /** Token counts. */
  usage: Usage;
  /** Times. */
  timings: Timings;
  /** Absent with `stats: 'none'`. */
  speculation?: SpeculationSummary | undefined;
}

/** One event of a generation: `started`, any number of `step`, `completion`. */
export type GenerationEvent = (
  | ({ type: 'started' } & GenerationStarted)
  | { type: 'step'; text: string; tokens: Token[]; stats?: StepStats | undefined }
  | ({ type: 'completion' } & GenerationCompletion)
) &
  SyntheticMark;

/** What marks text that no model has written. */
export interface SyntheticMark {
  /** Drafts were accepted by dice: the text is not real output. Absent everywhere else. */
  synthetic?: true | undefined;
}

/** Everything a generation produced. */
export interface GenerationResult extends GenerationCompletion, SyntheticMark {
  /** The completion. */
  text: string;
  /** Ids of `tokens`. */
  tokenIds: number[];
  /** Every token, in order. */
  tokens: Token[];
  /** What was decided at the start. */
  started: GenerationStarted;
}

/**
 * A generation in flight, or one not yet begun: nothing is sent before the first use.
 *
 * Await it for the {@link GenerationResult}, or iterate it, by one of four methods and once; a second
 * iteration throws `StreamConsumedError`. Leaving a loop early cancels the generation. An `async` function
 * must not return one: the promise machinery would await it and hand on its result.
 *
 * @example
 * const story = client.generate({ model: 'big', prompt: 'Once upon a time', maxTokens: 200 });
 * for await (const text of story.text()) process.stdout.write(text);
 * const { finishReason, speculation } = await story.result();
 */
export interface Generation extends PromiseLike<GenerationResult>, AsyncIterable<GenerationEvent> {
  /** Text as it is released; never empty strings. */
  text(): AsyncIterable<string>;
  /** Tokens one by one. */
  tokens(): AsyncIterable<Token>;
  /** Statistics of each step that has them. */
  steps(): AsyncIterable<StepStats>;
  /**
   * The first event, beside an iteration or alone; alone it reads the stream to its end and keeps the events for
   * an iteration that begins later.
   */
  started(): Promise<GenerationStarted>;
  /** Everything; beside an iteration, or alone like {@link Generation.started}. */
  result(): Promise<GenerationResult>;
  /** Ends the generation; iterations and `result()` reject with `CancelledError`. No effect on a completed one. */
  cancel(): void;
}
