/** Who chooses the draft length. */
export type SpeculationMode = 'auto' | 'off' | 'fixed';

/** Where drafted tokens may come from. */
export type AllowedDraftSource = 'draft_model' | 'ngram' | 'grammar';

/** Where drafted tokens came from; `mixed` is several in one step. */
export type DraftSource = AllowedDraftSource | 'mixed';

/** Whether draft and target run at the same time. */
export type Overlap = 'auto' | 'off' | 'on';

/** What to do when the draft asked for cannot be used at the start. */
export type UnavailablePolicy = 'require' | 'best_effort';

/** Why a generation does not speculate. */
export type SpeculationOffReason =
  | 'disabled'
  | 'server_disabled'
  | 'no_source'
  | 'draft_not_found'
  | 'draft_not_ready'
  | 'draft_out_of_memory'
  | 'draft_failed'
  | 'draft_busy'
  | 'draft_unloaded'
  | 'vocab_mismatch'
  | 'unsupported_memory_type'
  | 'engine_mismatch';

/** How a step's last token came about. */
export type BonusToken = 'bonus' | 'correction' | 'none';

/** Why a draft is no longer than it is. */
export type DraftStopReason =
  | 'max_len'
  | 'p_min'
  | 'cost'
  | 'parked'
  | 'context'
  | 'draft_context_full'
  | 'budget'
  | 'eog'
  | 'no_match'
  | 'too_short'
  | 'late'
  | 'disabled'
  | 'error';

/** Where the estimate of plain decoding comes from. */
export type BaselineMethod = 'none' | 'measured_probe' | 'single_forward_ewma';

/** How one generation speculates. It never changes the text, only the speed. */
export interface Speculation {
  /** Who chooses the draft length: `auto` as many tokens as should pay, none included. @default 'auto' */
  readonly mode?: SpeculationMode | undefined;
  /** Most drafted tokens per verify step; 0: off. At most 64. @default 16 (auto), 4 (fixed) */
  readonly maxDraftTokens?: number | undefined;
  /** A shorter draft is discarded. @default 0 */
  readonly minDraftTokens?: number | undefined;
  /** Stop drafting where the draft is less sure, 0 to 1. @default 0 */
  readonly minDraftProbability?: number | undefined;
  /** Allowed sources; `ngram` needs no draft model, `grammar` is not supported yet. @default all there are */
  readonly sources?: readonly AllowedDraftSource[] | undefined;
  /** Draft while the target verifies; `auto`: where no device holds layers of both models. @default 'auto' */
  readonly overlap?: Overlap | undefined;
  /** @default 'require' if the request names a draft model, else 'best_effort' */
  readonly onUnavailable?: UnavailablePolicy | undefined;
  /** Acceptance by dice, per draft position, each 0 to 1; benchmarks only, and the text is meaningless. */
  readonly synthetic?: readonly number[] | undefined;
}

/** What a generation will really do. */
export interface EffectiveSpeculation {
  /** At least one source is in use. */
  active: boolean;
  /** Set when not active, or active without the draft model that was wanted. */
  offReason?: SpeculationOffReason | undefined;
  /** For people. */
  detail?: string | undefined;
  /** Who chooses the draft length. */
  mode?: SpeculationMode | undefined;
  /** `models/{id}`; absent without one. */
  draftModel?: string | undefined;
  /** In use. */
  sources: DraftSource[];
  /** Effective. */
  maxDraftTokens: number;
  /** Effective. */
  minDraftTokens: number;
  /** Effective. */
  minDraftProbability: number;
  /** The draft runs while the target verifies. */
  overlap: boolean;
  /** Devices holding the target's layers; `cpu` last, if some stay there. */
  targetDevices: string[];
  /** Likewise of the draft; empty without a draft model. */
  draftDevices: string[];
}
