import { type LoadModelRequest, ModelState, Role, type Warning } from '@outrider/sdk/proto';
import { CodedError } from '../coded-error.js';
import { type LoadedModel, type LoadSpec } from '../engine/protocol.js';
import { Admission } from './admission.js';
import { type LoadRun } from './load-run.js';

/** A stream as the models that take part in it see it. */
export interface Stream {
  /** Number in the engine. */
  readonly id: number;
  /** Ends it with an error. */
  end(error: CodedError): void;
  /** Makes it go on without its draft. */
  detachDraft(): void;
}

/** One model that the server knows, in any state. */
export class ModelRecord {
  state: ModelState = ModelState.LOADING;
  /** Why it is FAILED. */
  failure: CodedError | undefined;
  /** Set while LOADING or RELOADING. */
  run: LoadRun | undefined;
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
  readonly request: LoadModelRequest;
  /** Named by the server's own configuration. */
  readonly trusted: boolean;
  readonly #idleWaiters = new Set<() => void>();

  constructor(name: string, request: LoadModelRequest, trusted: boolean, maxQueue: number) {
    this.name = name;
    this.request = request;
    this.trusted = trusted;
    this.role = roleOf(request);
    const capacity = () => this.loaded?.options.parallelSequences ?? 0;
    this.admission = new Admission(name, capacity, maxQueue);
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
}

/** Narrows a record to one that has been loaded at least once. */
export function wasLoaded(record: ModelRecord): record is ReadyModel {
  return record.loaded !== undefined;
}

/** Narrows a record to one that serves requests. */
export function isReady(record: ModelRecord): record is ReadyModel {
  return record.state === ModelState.READY && record.loaded !== undefined;
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
