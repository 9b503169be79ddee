import { type LoadModelRequest, ModelState, Role, type Warning } from '@outrider/sdk/proto';
import { CodedError } from '../coded-error.js';
import { type LoadedModel, type LoadSpec } from '../engine/protocol.js';
import { DEFAULT_ENGINE } from '../engine/engine-pool.js';
import { Admission } from './admission.js';
import { type EngineHome } from './engine-homes.js';
import { type LoadRun } from './load-run.js';

/** A stream as the models that take part in it see it. */
export interface Stream {
  /** Number in the engine. */
  readonly id: number;
  readonly target: ReadyModel;
  /** Ends it with an error. */
  end(error: CodedError): void;
  /** Makes it go on without its draft. */
  detachDraft(): void;
  /** Makes it draft with another model, which takes the place of its draft; without one if that has no free sequence. */
  moveDraft(to: ReadyModel): void;
}

/** What a record is made with, beside its request. */
export interface RecordOptions {
  /** Named by the server's own configuration. */
  readonly trusted: boolean;
  /** Generations that may wait for it. */
  readonly maxQueue: number;
  /** What its engine calls it. @default its name */
  readonly key?: string;
}

/** One model that the server knows, in any state. */
export class ModelRecord {
  state: ModelState = ModelState.LOADING;
  /** Why it is FAILED. */
  failure: CodedError | undefined;
  /** Set while LOADING or RELOADING. */
  run: LoadRun | undefined;
  /** The model that is being loaded to take its place. */
  successor: ModelRecord | undefined;
  /** The engine that it lives in; set once its load has begun there. */
  home: EngineHome | undefined;
  /** What the engine was asked for; set once everything was resolved. */
  spec: LoadSpec | undefined;
  /** What the engine reported last; stale unless READY or DRAINING. */
  loaded: LoadedModel | undefined;
  /** Warnings of the placement, beside the engine's own. */
  warnings: readonly Warning[] = [];
  loadTime: Date | undefined;
  loadMs = 0;
  /** Name of the draft for requests that name none. */
  defaultDraft: string | undefined;
  /** Past the point where an unload could be refused. */
  closing = false;
  /** The engine died while it was DRAINING. */
  lost = false;
  readonly role: Role;
  readonly generations = new Set<Stream>();
  readonly drafts = new Set<Stream>();
  readonly admission: Admission;
  readonly name: string;
  /** What its engine calls it: another name than that of the model whose place it takes. */
  readonly key: string;
  readonly request: LoadModelRequest;
  /** Named by the server's own configuration. */
  readonly trusted: boolean;
  readonly #idleWaiters = new Set<() => void>();

  constructor(request: LoadModelRequest, { trusted, maxQueue, key }: RecordOptions) {
    const name = `models/${request.modelId}`;
    this.name = name;
    this.key = key ?? name;
    this.request = request;
    this.trusted = trusted;
    this.role = roleOf(request);
    const capacity = () => this.loaded?.options.parallelSequences ?? 0;
    this.admission = new Admission(name, capacity, maxQueue);
  }

  /** Name of the engine that it was asked into. */
  get engineName(): string {
    return this.request.engine || DEFAULT_ENGINE;
  }

  /** Streams that generate on it, are about to, or wait to. */
  get users(): number {
    return this.admission.held - this.drafts.size + this.admission.waiting;
  }

  /** Nothing generates, waits or drafts. */
  get idle(): boolean {
    return this.users === 0 && this.drafts.size === 0;
  }

  /** Calls back once, when the record is idle. Returns what takes that back. */
  onIdle(callback: () => void): () => void {
    this.#idleWaiters.add(callback);
    return () => {
      this.#idleWaiters.delete(callback);
    };
  }

  /** Whoever takes a stream away says so. */
  streamEnded(): void {
    if (!this.idle) return;
    const waiters = [...this.#idleWaiters];
    this.#idleWaiters.clear();
    for (const waiter of waiters) waiter();
  }
}

/** Role that a request loads for: as given, or DRAFT when it is to be some target's draft. */
export function roleOf(request: LoadModelRequest): Role {
  if (request.role !== Role.UNSPECIFIED) return request.role;
  return request.draftFor === '' ? Role.TARGET : Role.DRAFT;
}

/** A record that has been loaded; one that serves requests unless its state changed since. */
export interface ReadyModel extends ModelRecord {
  readonly loaded: LoadedModel;
  readonly home: EngineHome;
}

/** Narrows a record to one that has been loaded at least once. */
export function wasLoaded(record: ModelRecord): record is ReadyModel {
  return record.loaded !== undefined && record.home !== undefined;
}

/** Narrows a record to one that serves requests. */
export function isReady(record: ModelRecord): record is ReadyModel {
  return record.state === ModelState.READY && wasLoaded(record);
}

/** Why a model that is not READY cannot be used: MODEL_NOT_READY, MODEL_UNLOADING or MODEL_FAILED. */
export function unusable(record: ModelRecord, nowMs: number): CodedError {
  const { name, failure } = record;
  const metadata = { model: name };
  switch (record.state) {
    case ModelState.FAILED: {
      const cause = failure?.message ?? 'unknown';
      return new CodedError('MODEL_FAILED', `${name} has failed: ${cause}; load it again`, {
        metadata: { ...metadata, cause, cause_reason: failure?.reason ?? 'INTERNAL' },
      });
    }
    case ModelState.DRAINING:
      return new CodedError('MODEL_UNLOADING', `${name} is being unloaded`, { metadata });
    default: {
      const again = record.state === ModelState.RELOADING ? ' again' : '';
      return new CodedError('MODEL_NOT_READY', `${name} is still loading${again}; retry soon`, {
        metadata,
        retryAfterMs: retryAfter(record.run, nowMs),
      });
    }
  }
}

function retryAfter(run: LoadRun | undefined, nowMs: number): number {
  const fraction = run?.progress?.fraction ?? 0;
  if (run === undefined || fraction <= 0) return 1_000;
  const left = ((nowMs - run.beganMs) * (1 - fraction)) / fraction;
  return Math.ceil(Math.min(10_000, Math.max(250, left)));
}
