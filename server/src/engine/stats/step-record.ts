import {
  type BaselineMethod,
  type BonusToken,
  type DraftSource,
  type DraftStopReason,
  type DraftedToken,
  type SourceStats,
  type SpeculationOffReason,
} from '@outrider/sdk/proto';

/** What happened in one verify step of a stream. Times are whole microseconds of a monotonic clock. */
export interface StepRecord {
  /** Drafted tokens in the verify batch. */
  readonly draftTokens: number;
  /** Accepted prefix, before stop strings; the target's own token not counted. */
  readonly acceptedTokens: number;
  /** Tokens that became output. */
  readonly emittedTokens: number;
  readonly bonus: BonusToken;
  /** Of the verified draft; UNSPECIFIED when there was none. */
  readonly source: DraftSource;
  readonly stopReason: DraftStopReason;
  /** Largest draft planned during the step. */
  readonly plannedDraftLen: number;
  /** Compute time of the draft, on whichever thread. */
  readonly draftUs: number;
  /** The whole batch until its logits were readable. */
  readonly verifyUs: number;
  /** The target's thread stood still for this stream. */
  readonly idleUs: number;
  /** From the commit before to this one. */
  readonly stepUs: number;
  /** Proposals that left the chain since the step before without having been verified. */
  readonly discardedTokens: number;
  /** Of `draftTokens`, those made while an earlier pass ran. */
  readonly overlappedTokens: number;
  /** Target positions trimmed. */
  readonly rolledBackTokens: number;
  /** A state checkpoint was restored and replayed. */
  readonly replayed: boolean;
  /** Streams in the batch. */
  readonly batchSize: number;
  /** Every verified guess, at DETAILED only. @default [] */
  readonly drafted?: readonly DraftedToken[];
  /** Counts of each source; required where `source` is MIXED. @default all of them under `source` */
  readonly bySource?: readonly SourceStats[];
}

/** How the statistics of a stream are kept. */
export interface StreamStatsOptions {
  /** Most tokens drafted per step; length of the per-position arrays. */
  readonly maxDraftTokens: number;
  /** At least one draft source is in use. */
  readonly active: boolean;
  /** Throw where a record contradicts itself: for tests and debugging. @default false */
  readonly invariants?: boolean;
}

/** What the summary needs beside the steps. */
export interface StreamEnd {
  /** Tokens per second without speculation, and how that was found. Unset: no estimate. */
  readonly baseline?: { readonly tps: number; readonly method: BaselineMethod };
  /** Of the stream, first token to last; unset for one token. */
  readonly tokensPerSecond?: number;
  /** Prompt tokens not evaluated again on the target. */
  readonly targetKvReusedTokens: number;
  /** Likewise on the draft. */
  readonly draftKvReusedTokens: number;
  /** Why speculation ended before the stream did. @default it did not */
  readonly offReason?: SpeculationOffReason;
}
