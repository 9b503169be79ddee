import {
  type BaselineMethod,
  type BonusToken,
  type DraftSource,
  type DraftStopReason,
  type SpeculationOffReason,
} from './speculation.js';

/** One verified guess; only with `stats: 'detailed'`. */
export interface DraftedToken {
  /** What was drafted. */
  id: number;
  /** Its text alone; broken characters as U+FFFD. */
  text: string;
  /** The source's own probability, 0 to 1. */
  draftProbability: number;
  /** Same as the target's choice. */
  accepted: boolean;
  /** The target's choice; absent after the first rejection. */
  targetId?: number | undefined;
  /** Who drafted it. */
  source?: DraftSource | undefined;
}

/** One target pass over one stream's rows. */
export interface StepStats {
  /** From 0, no gaps. */
  stepIndex: number;
  /** Drafted tokens sent to verification. */
  numDraftTokens: number;
  /** Accepted prefix, before stop strings; without the target's own token. */
  numAcceptedDraftTokens: number;
  /** Tokens the caller gets from this step. */
  numEmittedTokens: number;
  /** 0-based; set exactly when `bonusToken` is `correction`. */
  firstRejectedPosition?: number | undefined;
  /** The target's own token at the end of the step. */
  bonusToken?: BonusToken | undefined;
  /** Of the verified draft; absent when there was none. */
  draftSource?: DraftSource | undefined;
  /** Why the draft is no longer than it is. */
  draftStopReason?: DraftStopReason | undefined;
  /** One per verified token with `stats: 'detailed'`, else empty. */
  draftTokens: DraftedToken[];
  /** Time spent producing the draft, on another thread when overlapped, in microseconds. */
  draftUs: number;
  /** The whole batch that this stream's rows were in, in microseconds. */
  verifyUs: number;
  /** The target's thread waited, for the draft or for its turn, in microseconds. */
  idleUs: number;
  /** Choosing, trimming, scheduling, checkpoint and replay, in microseconds. */
  overheadUs: number;
  /** Commit to commit: idle + verify + overhead, in microseconds. */
  stepUs: number;
  /** Drafted by the model and never verified: late, pruned, too short, overtaken, or a shadow draft. */
  numDiscardedDraftTokens: number;
  /** Of `numDraftTokens`: drafted before the last commit, while its pass ran or for an earlier draft. */
  numOverlappedDraftTokens: number;
  /** Most tokens planned for this step; 0 when the draft model is not asked and nothing is copied. */
  plannedDraftLen: number;
  /** Of this step, 0 to 1; absent when nothing was drafted. */
  draftAcceptanceRate?: number | undefined;
  /** Exponential mean over drafted steps, weight 0.1; absent before the first. */
  emaAcceptanceRate?: number | undefined;
  /** Over the last 16 steps. */
  tokensPerSecond: number;
  /** Target KV positions trimmed. */
  rolledBackTokens: number;
  /** A state checkpoint was restored and replayed. */
  replayed: boolean;
  /** Streams in the batch. */
  batchSize: number;
}

/** Counts of one draft source. */
export interface SourceStats {
  /** Which. */
  source?: DraftSource | undefined;
  /** Verified. */
  numDraftTokens: number;
  /** Accepted. */
  numAcceptedDraftTokens: number;
}

/** All steps of one generation. Times are sums, in microseconds. */
export interface SpeculationSummary {
  /** Steps, plain ones included. */
  numSteps: number;
  /** Steps with `numDraftTokens` > 0. */
  numSpecSteps: number;
  /** Verified. */
  numDraftTokens: number;
  /** Accepted. */
  numAcceptedDraftTokens: number;
  /** Verified - accepted: the first miss of each step and all behind it. */
  numRejectedDraftTokens: number;
  /** Drafted by the model and never verified. */
  numDiscardedDraftTokens: number;
  /** Sum of the steps' `numOverlappedDraftTokens`. */
  numOverlappedDraftTokens: number;
  /** Accepted / verified; absent when nothing was verified. */
  draftAcceptanceRate?: number | undefined;
  /** After the last step. */
  emaAcceptanceRate?: number | undefined;
  /** 1 + accepted / `numSpecSteps`; absent without a speculating step. */
  meanAcceptanceLength?: number | undefined;
  /** [j] = speculating steps that accepted exactly j. */
  acceptanceHistogram: number[];
  /** [i] = steps that accepted position i. */
  acceptedPerPosition: number[];
  /** [i] = steps that verified position i. */
  draftedPerPosition: number[];
  /** Producing drafts. */
  draftUs: number;
  /** Verifying. */
  verifyUs: number;
  /** Waiting. */
  idleUs: number;
  /** Choosing, trimming, scheduling. */
  overheadUs: number;
  /** Tokens per second without speculation. */
  estimatedBaselineTps?: number | undefined;
  /** `tokensPerSecond` / `estimatedBaselineTps`. */
  estimatedSpeedup?: number | undefined;
  /** How the baseline was found. */
  baselineMethod?: BaselineMethod | undefined;
  /** Prompt tokens not evaluated again on the target. */
  targetKvReusedTokens: number;
  /** Likewise on the draft. */
  draftKvReusedTokens: number;
  /** Target KV positions trimmed. */
  rolledBackTokens: number;
  /** Steps with `replayed`. */
  numReplayedSteps: number;
  /** Per source that had a token verified. */
  sources: SourceStats[];
  /** Set when speculation ended before the stream did. */
  offReason?: SpeculationOffReason | undefined;
}
