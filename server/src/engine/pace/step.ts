import { type DraftWork } from './draft-costs.js';
import { type Prices } from './value.js';

/**
 * What to do about the draft model in the next step.
 * - `draft`: ask it for one token, and for more as long as `bestPlan` under these prices says so; `planned` is how many
 *   that will be if they are of average confidence, at least 1.
 * - `plain`: do not ask it; `parked` when it has been found not to pay, else for this step alone.
 * - `shadow`: do not wait for it, but let it draft `length` tokens, having read at most the last `window` tokens of the
 *   text; never verify them, but tell `observeShadow` how many of them the text came to agree with.
 */
export type Plan =
  | { readonly kind: 'draft'; readonly planned: number; readonly prices: Prices }
  | { readonly kind: 'plain'; readonly parked: boolean }
  | { readonly kind: 'shadow'; readonly length: number; readonly window: number };

/** One step of a stream, as it was. Times in microseconds. */
export interface PacedStep {
  /** Rows of the whole pass. */
  readonly rows: number;
  /** Streams with rows to verify in the pass, this one among them. */
  readonly streams: number;
  /** Whether the pass held other rows as well, of prompts or of draft chains: its time then says nothing. */
  readonly mixed: boolean;
  /** Bin of each token that was proposed for the stream, verified or not. */
  readonly bins: readonly number[];
  /** How many of them were in the pass. */
  readonly verified: number;
  /** Tokens that the stream got from the step. */
  readonly emitted: number;
  /** How many leading proposals are what the stream got: the accepted ones, or one more that was not verified. */
  readonly agreed: number;
  /** From the step before to this one. */
  readonly stepUs: number;
  /** The pass alone. */
  readonly verifyUs: number;
  /** What the draft model did for the step; unset: it was not asked. */
  readonly draft?: DraftWork;
}

/** What became of a shadow draft. */
export interface ShadowOutcome {
  /** Bin of each token that could be compared with the text. */
  readonly bins: readonly number[];
  /** How many of them agree, up to the first that does not. */
  readonly agreed: number;
  /** What the draft did for it. */
  readonly draft?: DraftWork;
}
