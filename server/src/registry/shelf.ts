import { type Logger } from 'pino';
import { type EnginePool } from '../engine/engine-pool.js';
import { EngineHomes } from './engine-homes.js';
import { canonicalName, modelNotFound } from './model-name.js';
import { isReady, type ModelRecord, type ReadyModel, unusable } from './record.js';
import { VocabularyChecks } from './vocabulary-checks.js';

/** What a registry needs from outside. */
export interface RegistryOptions {
  readonly engines: EnginePool;
  readonly log: Logger;
  /** Folders that requests may load from. */
  readonly roots: readonly string[];
  /** Generations that may wait for one model. */
  readonly maxQueue: number;
  /** Milliseconds of a monotonic clock. @default performance.now */
  readonly nowMs?: () => number;
}

/** The models of a server, and what the parts of the registry share. */
export class Shelf {
  readonly homes: EngineHomes;
  readonly log: Logger;
  readonly roots: readonly string[];
  readonly maxQueue: number;
  readonly nowMs: () => number;
  readonly vocabularies = new VocabularyChecks();
  readonly #records = new Map<string, ModelRecord>();
  #replacements = 1;
  readonly #listeners = new Set<(record: ModelRecord, known: boolean) => void>();

  constructor(options: RegistryOptions) {
    this.log = options.log;
    this.roots = options.roots;
    this.maxQueue = options.maxQueue;
    this.nowMs = options.nowMs ?? (() => performance.now());
    this.homes = new EngineHomes(options.engines, this.nowMs);
  }

  /** Every model, in the order of loading. */
  get records(): readonly ModelRecord[] {
    return [...this.#records.values()];
  }

  find(name: string): ModelRecord | undefined {
    return this.#records.get(canonicalName(name) ?? name);
  }

  /** @throws CodedError MODEL_NOT_FOUND */
  get(name: string): ModelRecord {
    const record = this.find(name);
    if (record === undefined) throw modelNotFound(canonicalName(name) ?? name);
    return record;
  }

  /** @throws CodedError MODEL_NOT_FOUND, MODEL_NOT_READY, MODEL_UNLOADING, MODEL_FAILED */
  ready(name: string): ReadyModel {
    const record = this.get(name);
    if (!isReady(record)) throw unusable(record, this.nowMs());
    return record;
  }

  add(record: ModelRecord): void {
    this.#records.set(record.name, record);
    this.changed(record);
  }

  /** Forgets a model and the pairings with it. */
  remove(record: ModelRecord): void {
    if (!this.holds(record)) return;
    this.#records.delete(record.name);
    for (const other of this.#records.values()) {
      if (other.defaultDraft === record.name) other.defaultDraft = undefined;
    }
    this.changed(record);
  }

  /** Puts a model into the place of another. Pairings go by name, so they follow. */
  replace(old: ModelRecord, fresh: ModelRecord): void {
    if (this.holds(old)) this.#records.set(fresh.name, fresh);
  }

  /** A name for an engine that may hold the model of that name already. */
  freshKey(name: string): string {
    this.#replacements += 1;
    return `${name}#${this.#replacements}`;
  }

  /** False once a record was removed, also when another took its name. */
  holds(record: ModelRecord): boolean {
    return this.#records.get(record.name) === record;
  }

  /** Tells listeners that a state changed. */
  changed(record: ModelRecord): void {
    for (const listener of this.#listeners) listener(record, this.holds(record));
  }

  /** Called after each change of a state, with whether the model is still known. Returns what ends it. */
  onChange(listener: (record: ModelRecord, known: boolean) => void): () => void {
    this.#listeners.add(listener);
    return () => {
      this.#listeners.delete(listener);
    };
  }
}
