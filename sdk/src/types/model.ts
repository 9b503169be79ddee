import { type EffectivePlacement, type Placement, type Role } from './placement.js';
import { type SpeculationOffReason } from './speculation.js';

/** Life of a model. */
export type ModelState = 'loading' | 'ready' | 'draining' | 'reloading' | 'failed';

/** Element type of a KV cache. Quantised types need flash attention. */
export type KvCacheType =
  'f32' | 'f16' | 'bf16' | 'q8_0' | 'q5_1' | 'q5_0' | 'q4_1' | 'q4_0' | 'iq4_nl';

/** Use of fused attention kernels. */
export type FlashAttention = 'auto' | 'on' | 'off';

/** How a model runs. In a {@link Model} every field is set. */
export interface RuntimeOptions {
  /** Tokens one sequence may hold; 0: the trained length. @default at most 4096; a paired draft: its target's */
  readonly contextLength?: number | undefined;
  /** Sequences at once, 1 to 64. @default 4; a paired draft: its target's */
  readonly parallelSequences?: number | undefined;
  /** Most rows of one tick. @default 2048 */
  readonly batchSize?: number | undefined;
  /** Most rows of one device pass, at most `batchSize`. @default 512 */
  readonly microBatchSize?: number | undefined;
  /** Element type of the keys. @default 'f16' */
  readonly kvTypeK?: KvCacheType | undefined;
  /** Element type of the values. @default 'f16' */
  readonly kvTypeV?: KvCacheType | undefined;
  /** Fused attention. @default 'auto' */
  readonly flashAttention?: FlashAttention | undefined;
  /** CPU threads for single-token and verify passes. @default one for every 16 MiB of the file, at most the physical cores */
  readonly threads?: number | undefined;
  /** CPU threads for prompt passes. @default `threads` */
  readonly threadsBatch?: number | undefined;
  /** Map the file. @default true */
  readonly mmap?: boolean | undefined;
  /** Keep it in RAM. @default false */
  readonly mlock?: boolean | undefined;
  /** Measure decode costs at load; automatic speculation starts from them. @default true */
  readonly calibrate?: boolean | undefined;
}

/** Where weights come from: a path or a URI. */
export interface ModelSource {
  /** GGUF file, the first part of a split one. */
  path?: string | undefined;
  /** `hf:…`, `https://…`, `embedded:target` or `embedded:draft`. */
  uri?: string | undefined;
  /** Hex digest the file must have. Absent: not checked. */
  sha256?: string | undefined;
}

/** Why a model failed. */
export interface StateError {
  /** As the reason of an error. */
  reason: string;
  /** For people. */
  message: string;
}

/** Facts from a model's file. */
export interface ModelInfo {
  /** Name the file gives itself. */
  displayName: string;
  /** For example `llama`. */
  architecture: string;
  /** For example `Q4_K_M`. */
  quantization: string;
  /** Parameters. */
  parameterCount: number;
  /** Size of all parts. */
  fileBytes: number;
  /** Blocks, the output layer not counted. */
  layers: number;
  /** Token ids are 0 to this - 1. */
  vocabularySize: number;
  /** Tokens. */
  trainedContextLength: number;
  /** Chat input works without a template in the request. */
  hasChatTemplate: boolean;
  /** Its memory can be rolled back, which speculation needs. */
  canSpeculate: boolean;
}

/** A target's default draft, and whether it can be used now. */
export interface DraftPairing {
  /** `models/{id}`. */
  draftModel: string;
  /** Drafts now. */
  available: boolean;
  /** Set when not available. */
  offReason?: SpeculationOffReason | undefined;
  /** For people. */
  detail?: string | undefined;
}

/** One point of a model's cost table. */
export interface DecodeCost {
  /** Rows in one pass. */
  rows: number;
  /** Median time of such a pass, in microseconds. */
  durationUs: number;
}

/** Something that was accepted but deserves a look. */
export interface Warning {
  /** For programs, for example `LAYERS_CLAMPED`. */
  code: string;
  /** For people. */
  message: string;
  /** Field path, if one field caused it. */
  field?: string | undefined;
}

/** A model known to the server. */
export interface Model {
  /** `models/{id}`. */
  name: string;
  /** Where it is in its life. */
  state?: ModelState | undefined;
  /** Why it failed; set in state `failed`. */
  stateError?: StateError | undefined;
  /** As loaded. */
  role?: Role | undefined;
  /** As requested. */
  source: ModelSource;
  /** Effective. */
  options: RuntimeOptions;
  /** As requested; absent when the request left it to the role. */
  requestedPlacement?: Placement | undefined;
  /** As read back; absent unless `ready` or `draining`. */
  placement?: EffectivePlacement | undefined;
  /** What the file says; absent until it was read. */
  info?: ModelInfo | undefined;
  /** Lower-case hex digest of the vocabulary; equal ones can pair. */
  vocabularyFingerprint?: string | undefined;
  /** When it last became ready. */
  loadTime?: Date | undefined;
  /** How long that took. */
  loadMs: number;
  /** Draft for requests that name none; absent when there is none. */
  defaultDraft?: DraftPairing | undefined;
  /** Streams generating on it. */
  activeGenerations: number;
  /** Streams waiting for it. */
  queuedGenerations: number;
  /** Streams it drafts for. */
  activeDrafts: number;
  /** KV cells in use, cached prefixes included. */
  kvUsedTokens: number;
  /** KV cells. */
  kvTotalTokens: number;
  /** Engine process that holds it. */
  engine: string;
  /** Passes timed at load, by rows; empty without calibration. */
  decodeCosts: DecodeCost[];
  /** What was accepted but deserves a look. */
  warnings: Warning[];
}
