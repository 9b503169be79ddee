import {
  type LoadModelRequest,
  type Model,
  ModelState,
  type PlanModelRequest,
  type PlanModelResponse,
} from '@outrider/sdk/proto';
import { CodedError } from '../coded-error.js';
import { load } from './loader.js';
import { LoadRun } from './load-run.js';
import { type StageProgress } from './load-progress.js';
import { modelView } from './model-view.js';
import { setDefaultDraft } from './pairing.js';
import { resolvePlacement } from './placement.js';
import { planModels } from './plan.js';
import { isReady, ModelRecord, type ReadyModel, roleOf, unusable } from './record.js';
import { Recovery } from './recovery.js';
import { differingFields } from './same-request.js';
import { type RegistryOptions, Shelf } from './shelf.js';
import { type OpenStream, openStream, type StreamRequest } from './streams.js';
import { unload, type Unloaded, type UnloadOptions } from './unload.js';

/** A load that a caller follows. */
export interface Loading {
  readonly record: ModelRecord;
  /** Ends when the model is there; throws why it is not. */
  readonly progress: AsyncIterable<StageProgress>;
}

/** Every model of a server: loads, unloads, pairs, and brings back after a crash. */
export class ModelRegistry {
  readonly #shelf: Shelf;
  readonly #recovery: Recovery;
  /** By name, the end of the last load, so that the next one of that name does not meet it in the engine. */
  readonly #endings = new Map<string, Promise<void>>();

  constructor(options: RegistryOptions) {
    this.#shelf = new Shelf(options);
    this.#recovery = new Recovery(this.#shelf);
  }

  /** Every model, in the order of loading. */
  get records(): readonly ModelRecord[] {
    return this.#shelf.records;
  }

  find(name: string): ModelRecord | undefined {
    return this.#shelf.find(name);
  }

  /** @throws CodedError MODEL_NOT_FOUND */
  get(name: string): ModelRecord {
    return this.#shelf.get(name);
  }

  /** @throws CodedError MODEL_NOT_FOUND, MODEL_NOT_READY, MODEL_UNLOADING, MODEL_FAILED */
  ready(name: string): ReadyModel {
    return this.#shelf.ready(name);
  }

  /** The record as callers see it. */
  view(record: ModelRecord): Model {
    return modelView(record, this.#shelf);
  }

  /** Called after each change of a state. Returns what ends it. */
  onChange(listener: (record: ModelRecord, known: boolean) => void): () => void {
    return this.#shelf.onChange(listener);
  }

  /**
   * Loads a model for a request, or joins the load of the same one.
   * @throws CodedError for wrong fields, MODEL_EXISTS, MODEL_NOT_FOUND and others of `draft_for`; the rest by the progress
   */
  async load(request: LoadModelRequest, signal: AbortSignal): Promise<Loading> {
    await this.#cleanedUp(request);
    const known = this.#same(request);
    if (known !== undefined) return await this.#join(known, request, signal);
    await this.#checkPlacement(request);
    await this.#cleanedUp(request);
    signal.throwIfAborted();
    // Another caller may have begun the same load meanwhile.
    const begun = this.#same(request);
    if (begun !== undefined) return await this.#join(begun, request, signal);
    this.#assertFree(request);
    if (request.draftFor !== '') this.#shelf.ready(request.draftFor);
    const record = this.#add(request, false);
    return this.#follow(record, this.#start(record, request.detached, false), signal);
  }

  /**
   * Loads a model that the server's own configuration names. A failure leaves it FAILED.
   * @throws CodedError why it failed
   */
  async loadAtStart(request: LoadModelRequest): Promise<ModelRecord> {
    const record = this.#add(request, true);
    for (;;) {
      const run = this.#start(record, true, true);
      try {
        for await (const progress of run.follow(new AbortController().signal)) {
          this.#shelf.log.debug({ model: record.name, ...progress }, 'loading');
        }
        return record;
      } catch (error) {
        const died =
          record.failure?.reason === 'MODEL_CRASHED_ENGINE' ||
          record.failure?.reason === 'ENGINE_RESTARTED';
        if (!died || this.#shelf.crashes.condemns(record.name)) throw error;
        if (!this.#shelf.engine.status().running) await this.#recovery.nextProcess();
      }
    }
  }

  /** What loads would do; see `planModels`. */
  plan(request: PlanModelRequest, signal: AbortSignal): Promise<PlanModelResponse> {
    return planModels(request, this.#shelf, signal);
  }

  unload(name: string, options: UnloadOptions): Promise<Unloaded> {
    return unload(name, options, this.#shelf);
  }

  /** Pairs or, with an empty draft, unpairs. */
  setDefaultDraft(target: string, draft: string): Promise<ModelRecord> {
    return setDefaultDraft(target, draft, this.#shelf);
  }

  openStream(request: StreamRequest): Promise<OpenStream> {
    return openStream(request, this.#shelf);
  }

  /** Gives up every load. */
  close(): void {
    const error = new CodedError('SERVER_DRAINING', 'the server is shutting down');
    for (const record of this.records) record.run?.abort(error);
    this.#recovery.close(error);
  }

  /** A load that was given up holds its id until the engine has let go of it. */
  async #cleanedUp({ modelId }: LoadModelRequest): Promise<void> {
    const record = this.find(modelId);
    if (record?.run?.signal.aborted === true) await this.#endings.get(record.name);
  }

  /** The record of the same request; undefined if the id is free or taken by another request. */
  #same(request: LoadModelRequest): ModelRecord | undefined {
    const record = this.find(request.modelId);
    if (record === undefined) return undefined;
    return differingFields(record.request, request).length === 0 ? record : undefined;
  }

  #assertFree(request: LoadModelRequest): void {
    const record = this.find(request.modelId);
    if (record === undefined) return;
    const differs = differingFields(record.request, request).join(',');
    const text = `${record.name} exists with other settings (${differs}); unload it first or take another id`;
    throw new CodedError('MODEL_EXISTS', text, { metadata: { model: record.name, differs } });
  }

  async #join(
    record: ModelRecord,
    request: LoadModelRequest,
    signal: AbortSignal,
  ): Promise<Loading> {
    if (isReady(record)) {
      // The pairing may have been taken away since, and the request asks for it.
      if (request.draftFor !== '') await this.setDefaultDraft(request.draftFor, record.name);
      return { record, progress: nothing() };
    }
    if (record.run !== undefined) {
      if (request.detached) record.run.detach();
      return this.#follow(record, record.run, signal);
    }
    if (record.state !== ModelState.FAILED) throw unusable(record, this.#shelf.nowMs());
    this.#shelf.crashes.forget(record.name);
    return this.#follow(record, this.#start(record, request.detached, true), signal);
  }

  #follow(record: ModelRecord, run: LoadRun, signal: AbortSignal): Loading {
    return { record, progress: run.follow(signal) };
  }

  #add(request: LoadModelRequest, trusted: boolean): ModelRecord {
    this.#assertFree(request);
    const { maxQueue } = this.#shelf;
    const record = new ModelRecord(`models/${request.modelId}`, request, trusted, maxQueue);
    this.#shelf.add(record);
    return record;
  }

  #start(record: ModelRecord, detached: boolean, keepFailed: boolean): LoadRun {
    const run = new LoadRun(detached, this.#shelf.nowMs);
    record.run = run;
    record.state = ModelState.LOADING;
    record.failure = undefined;
    record.closing = false;
    record.lost = false;
    this.#shelf.changed(record);
    const before = this.#endings.get(record.name);
    const ending = this.#perform(record, run, keepFailed, before).finally(() => {
      if (this.#endings.get(record.name) === ending) this.#endings.delete(record.name);
    });
    this.#endings.set(record.name, ending);
    return run;
  }

  async #perform(
    record: ModelRecord,
    run: LoadRun,
    keepFailed: boolean,
    before: Promise<void> | undefined,
  ): Promise<void> {
    const { log } = this.#shelf;
    try {
      await before;
      await load(record, run, this.#shelf);
      record.run = undefined;
      log.info({ model: record.name, state: record.state, ms: record.loadMs }, 'model loaded');
      this.#shelf.changed(record);
      run.succeed();
    } catch (error) {
      const coded = CodedError.from(error);
      const level = run.signal.aborted ? 'info' : 'warn';
      log[level]({ model: record.name, reason: coded.reason }, coded.message);
      record.run = undefined;
      record.failure = coded;
      record.state = ModelState.FAILED;
      if (keepFailed) this.#shelf.changed(record);
      else this.#shelf.remove(record);
      run.fail(coded);
    }
  }

  /** Wrong fields are told before names and states; what BEST_EFFORT may forgive is left to the load. */
  async #checkPlacement(request: LoadModelRequest): Promise<void> {
    const inventory = await this.#shelf.engine.inventory();
    try {
      resolvePlacement(request.placement, roleOf(request), inventory);
    } catch (error) {
      if (CodedError.from(error).reason !== 'BACKEND_UNAVAILABLE') throw error;
    }
  }
}

async function* nothing(): AsyncGenerator<StageProgress, void, undefined> {
  // Already there: no stage is entered.
}
