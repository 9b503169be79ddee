import {
  type BackendInfo,
  type DecodeCost,
  type DeviceInfo,
  type EffectivePlacement,
  type FinishReason,
  type GenerationStep,
  type LoadStage,
  type ModelInfo,
  type RuntimeOptions,
  type SpeculationSummary,
  type SplitMode,
  type StatsLevel,
  type Usage,
  type Warning,
} from '@outrider/sdk/proto';
import { type CodedErrorData } from '../coded-error.js';

/**
 * The messages between the server process and an engine process, one discriminated union each way.
 * Everything is plain data that structured clone carries, stream events plain JSON with finite numbers; messages of the
 * contract are used as they are.
 */
export type ToEngine =
  | { readonly type: 'load'; readonly call: number; readonly spec: LoadSpec }
  | { readonly type: 'cancelLoad'; readonly model: string }
  | { readonly type: 'plan'; readonly call: number; readonly spec: LoadSpec }
  | { readonly type: 'unload'; readonly call: number; readonly model: string }
  | { readonly type: 'inventory'; readonly call: number }
  | { readonly type: 'pulse'; readonly call: number }
  | { readonly type: 'tokenize'; readonly call: number; readonly spec: TokenizeSpec }
  | { readonly type: 'detokenize'; readonly call: number; readonly spec: DetokenizeSpec }
  | {
      readonly type: 'comparePair';
      readonly call: number;
      readonly target: string;
      readonly draft: string;
    }
  | { readonly type: 'generate'; readonly spec: GenerateSpec }
  | { readonly type: 'detachDraft'; readonly stream: number }
  | { readonly type: 'moveDraft'; readonly stream: number; readonly draft: string }
  | { readonly type: 'cancel'; readonly stream: number }
  | { readonly type: 'shutdown' };

/** What an engine process says. `reply` and `failed` answer the call of the same number. */
export type FromEngine =
  | { readonly type: 'ready'; readonly library: LibraryInfo }
  | { readonly type: 'refused'; readonly error: CodedErrorData }
  | { readonly type: 'reply'; readonly call: number; readonly value: unknown }
  | { readonly type: 'failed'; readonly call: number; readonly error: CodedErrorData }
  | { readonly type: 'loadProgress'; readonly call: number; readonly progress: LoadProgressEvent }
  | { readonly type: 'stream'; readonly stream: number; readonly event: StreamEvent }
  | { readonly type: 'kvUse'; readonly model: string; readonly use: KvUse }
  | { readonly type: 'log'; readonly level: LogLevel; readonly message: string };

/** What is in the KV cache of a model. */
export interface KvUse {
  /** Tokens of all sequences; a prefix that several of them share counts for each. */
  readonly usedTokens: number;
  /** Of these, those kept for later prompts: they give way to whoever needs the room. */
  readonly keptTokens: number;
}

/** Levels of the engine's log lines. */
export type LogLevel = 'debug' | 'info' | 'warn' | 'error';

/** What the engine opened. */
export interface LibraryInfo {
  /** Folder that holds libllama. */
  readonly directory: string;
  /** `llama_version()`. */
  readonly version: string;
  /** `ggml_commit()`. */
  readonly commit: string;
  /** Which of node-llama-cpp's packages it is; unset for a build of somebody's own. */
  readonly variant?: LibraryVariant;
}

/** Which of node-llama-cpp's packages an engine runs: a process can open one only. */
export type LibraryVariant = 'cpu' | 'cuda' | 'metal' | 'vulkan';

/** Where a model goes, decided: every name is canonical and known to the engine. */
export interface ResolvedPlacement {
  /** Device names in order, without `cpu`; empty puts everything on the CPU. */
  readonly devices: readonly string[];
  /** Layers on the devices, output layer included; -1 is all. */
  readonly gpuLayers: number;
  /** How several devices share the model. */
  readonly splitMode: SplitMode;
  /** One of `devices`; empty when there are none. */
  readonly mainDevice: string;
  /** One share per device, or empty: by free memory. */
  readonly tensorSplit: readonly number[];
  /** KV cache beside its layers. */
  readonly kvOffload: boolean;
  /** Tensors that go elsewhere than their layer; the first match wins. */
  readonly tensorOverrides: readonly ResolvedOverride[];
}

/** Tensors pinned to a device. */
export interface ResolvedOverride {
  /** ECMAScript regular expression, searched in tensor names. */
  readonly pattern: string;
  /** `cpu`, or one of the placement's devices. */
  readonly device: string;
  /** Path of the request's field that asks for it. */
  readonly field: string;
}

/** A load, with everything decided that can be decided without the file. */
export interface LoadSpec {
  /** What the engine calls the model: `models/{id}`, with `#n` behind it while it takes the place of another. */
  readonly model: string;
  /** Absolute path of the GGUF file. */
  readonly path: string;
  readonly placement: ResolvedPlacement;
  /** As requested; the engine fills what depends on the file. */
  readonly options: RuntimeOptions;
}

/** Where a load is. Fractions are of the stage. */
export interface LoadProgressEvent {
  readonly stage: LoadStage;
  /** 0 to 1. */
  readonly fraction: number;
  readonly doneBytes: number;
  readonly totalBytes: number;
}

/** What a finished load reports. */
export interface LoadedModel {
  /** Every field set. */
  readonly options: RuntimeOptions;
  /** As read back. */
  readonly placement: EffectivePlacement;
  readonly info: ModelInfo;
  /** Lower-case hex SHA-256. */
  readonly vocabularyFingerprint: string;
  /** KV cells. */
  readonly kvTotalTokens: number;
  /** By rows; empty when not calibrated. */
  readonly decodeCosts: readonly DecodeCost[];
  readonly warnings: readonly Warning[];
  /** The file's chat template, or empty. */
  readonly chatTemplate: string;
  /** Texts that a chat template may name. */
  readonly bosText: string;
  readonly eosText: string;
}

/** What a load would do, found out without reading weights. */
export interface PlannedModel {
  /** Every field set. */
  readonly options: RuntimeOptions;
  /** As computed. */
  readonly placement: EffectivePlacement;
  readonly info: ModelInfo;
  readonly warnings: readonly Warning[];
}

/** Text to ids. */
export interface TokenizeSpec {
  readonly model: string;
  readonly text: string;
  /** Add begin-of-text if the model wants it. */
  readonly addSpecial: boolean;
  /** Recognise special tokens in the text. */
  readonly parseSpecial: boolean;
}

/** Ids to text. */
export interface DetokenizeSpec {
  readonly model: string;
  readonly tokenIds: readonly number[];
  /** Show special tokens. */
  readonly renderSpecial: boolean;
}

/** Devices and backends as the engine sees them. `models` of each device is left empty. */
export interface EngineInventory {
  readonly devices: readonly DeviceInfo[];
  readonly backends: readonly BackendInfo[];
}

/** The model threads that are at work at one moment. */
export interface EnginePulse {
  readonly busy: readonly {
    /** As the engine calls it. */
    readonly model: string;
    /** Another one whenever the thread moves on. */
    readonly round: number;
    /** Rows of the pass that is under way; 0 between passes. */
    readonly rows: number;
  }[];
}

/** How tokens are chosen, every default filled in. Meaning and ranges: SamplingParams of the contract. */
export interface SamplingSpec {
  readonly temperature: number;
  readonly topK: number;
  readonly topP: number;
  readonly minP: number;
  readonly typicalP: number;
  readonly repetitionPenalty: number;
  readonly presencePenalty: number;
  readonly frequencyPenalty: number;
  readonly penaltyLastN: number;
  readonly seed: number;
  /** Added to the logit of each token; -100 or less bans it. */
  readonly logitBias: readonly { readonly tokenId: number; readonly bias: number }[];
  readonly ignoreEos: boolean;
}

/** How a stream speculates, decided. */
export interface SpeculationSpec {
  /** Draft always as many tokens as allowed, instead of as many as pay. */
  readonly fixed: boolean;
  /** Copy repetitions of the text. */
  readonly ngram: boolean;
  /** The draft runs on while the target verifies. */
  readonly overlap: boolean;
  /** The draft by its name in the same engine; unset: no draft model, plain decoding. */
  readonly draftModel?: string;
  /** Tokens drafted per verify step, 1-64. Meaningless without a draft. */
  readonly maxDraftTokens: number;
  /** A shorter draft is discarded. */
  readonly minDraftTokens: number;
  /** Stop drafting where the draft's own probability is below; 0: never. */
  readonly minDraftProbability: number;
  /** Accept by dice: the chance of each index of a draft once it is reached, 0 to 1, the last one repeats; unset: by comparison. */
  readonly synthetic?: readonly number[];
}

/** One generation, every field decided and checked. */
export interface GenerateSpec {
  /** Unique for the life of the engine process. */
  readonly stream: number;
  readonly model: string;
  /** At least one, fewer than the context length. */
  readonly promptIds: Uint32Array;
  /** Tokens to produce at most; the context may end it earlier. */
  readonly maxTokens: number;
  readonly stop: readonly string[];
  readonly sampling: SamplingSpec;
  readonly speculation: SpeculationSpec;
  /** Begin with the KV of a prefix that another stream has left or has now, and leave one's own to others. */
  readonly cachePrompt: boolean;
  /** Alternatives to report per token; unset: no log probabilities. */
  readonly logprobs?: number;
  readonly statsLevel: StatsLevel;
}

/**
 * What happens in a stream, in order: one `started`, any number of `step`, then one `completed`, `cancelled` or `failed`.
 * Times are microseconds of a monotonic clock.
 */
export type StreamEvent =
  | { readonly type: 'started'; readonly cachedTokens: number }
  | { readonly type: 'step'; readonly step: GenerationStep }
  | { readonly type: 'completed'; readonly completion: StreamCompletion }
  | { readonly type: 'cancelled' }
  | { readonly type: 'failed'; readonly error: CodedErrorData };

/** Nothing follows this event in its stream. */
export function endsStream({ type }: StreamEvent): boolean {
  return type !== 'started' && type !== 'step';
}

/** The end of a stream, without what only the server knows: queue time and totals that include it. */
export interface StreamCompletion {
  readonly finishReason: FinishReason;
  readonly matchedStop: string;
  readonly usage: Usage;
  /** From taking the stream up to its first token. */
  readonly promptUs: number;
  /** First token to last. */
  readonly decodeUs: number;
  /** At every level: the server counts it, and leaves it out of what it sends where the request says so. */
  readonly speculation: SpeculationSummary;
}

/** What a pair check found: nothing, or the first difference. */
export type PairVerdict =
  | { readonly match: true }
  | {
      readonly match: false;
      readonly kind: 'TYPE' | 'BOS' | 'EOS' | 'SIZE' | 'TOKEN';
      /** Set for TOKEN. */
      readonly tokenId?: number;
      readonly targetValue: string;
      readonly draftValue: string;
    };
