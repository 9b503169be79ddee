import {
  type DetokenizeSpec,
  type EngineInventory,
  type GenerateSpec,
  type KvUse,
  type LibraryInfo,
  type LoadedModel,
  type LoadProgressEvent,
  type LoadSpec,
  type PairVerdict,
  type PlannedModel,
  type StreamEvent,
  type TokenizeSpec,
} from './protocol.js';
import { type SupervisionStatus } from './supervisor.js';

/** How the last engine process ended. */
export interface EngineExit {
  /** `SIGKILL`, `exit 1`, `SIGKILL (stalled)`, … as in `EngineInfo.last_exit`. */
  readonly how: string;
  /** How long until a new process is started, in milliseconds. */
  readonly backOffMs: number;
}

/** What the server process asks of an engine process. `EngineClient` is the real one; tests may bring another. */
export interface Engine {
  /** The process behind it: alive or not, restarts, library, last exit. */
  status(): EngineStatus;
  /** Called with the exit whenever the process dies by itself; every call and stream in flight has failed by then. */
  onExit(listener: (exit: EngineExit) => void): void;
  /** Called when a process that replaced a dead one is ready for loads. */
  onRestart(listener: () => void): void;
  /**
   * Loads a model; progress may be called until it settles.
   * @throws CodedError BAD_MODEL_FILE, OVERRIDE_UNMATCHED, INSUFFICIENT_DEVICE_MEMORY, PLACEMENT_VIOLATED, ENGINE_RESTARTED, CANCELLED (by signal)
   */
  load(spec: LoadSpec, options: LoadCall): Promise<LoadedModel>;
  /**
   * What `load` would do with the same spec. Reads the file's header only and leaves nothing behind.
   * @throws CodedError as `load` does before it reads weights
   */
  plan(spec: LoadSpec): Promise<PlannedModel>;
  /** Frees a model that no stream uses. */
  unload(model: string): Promise<void>;
  /**
   * Runs one stream. Ends after `completed`; ends silently when the signal aborts; a `failed` event is thrown.
   * Leaving the iteration early cancels the stream. `cancelled` and `failed` are never yielded.
   * @param heard called with every event when it arrives, also with those that nobody reads any more
   * @throws CodedError ENGINE_RESTARTED, ENGINE_ERROR, SLOW_CONSUMER
   */
  generate(
    spec: GenerateSpec,
    signal: AbortSignal,
    heard?: (event: StreamEvent) => void,
  ): AsyncIterable<YieldedEvent>;
  /** Makes a running stream go on without its draft. */
  detachDraft(stream: number): void;
  /** Makes a running stream draft with another loaded model from its next step on. */
  moveDraft(stream: number, draft: string): void;
  /** A number for the next stream. */
  nextStream(): number;
  inventory(): Promise<EngineInventory>;
  tokenize(spec: TokenizeSpec): Promise<Uint32Array>;
  detokenize(spec: DetokenizeSpec): Promise<string>;
  /** Compares the vocabularies of two loaded models. */
  comparePair(target: string, draft: string): Promise<PairVerdict>;
  /** What is in the KV cache of a model; nothing where it is not loaded. */
  kvUse(model: string): KvUse;
  /** Frees everything and ends the process. */
  close(): Promise<void>;
}

/** Events that a caller of `generate` sees. */
export type YieldedEvent = Exclude<StreamEvent, { type: 'cancelled' | 'failed' }>;

/** How a load is followed and given up. */
export interface LoadCall {
  readonly signal: AbortSignal;
  readonly onProgress: (progress: LoadProgressEvent) => void;
}

/** State of the process behind an `Engine`. */
export interface EngineStatus {
  readonly running: boolean;
  /** Operating-system process id; unset while none runs. */
  readonly pid?: number;
  /** Since the server began. */
  readonly restarts: number;
  /** Unset before the first process was ready. */
  readonly library?: LibraryInfo;
  /** Empty before the first exit. */
  readonly lastExit: string;
  readonly supervision: SupervisionStatus;
}
