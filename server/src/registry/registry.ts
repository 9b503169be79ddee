import {
  type LoadModelRequest,
  type Model,
  ModelState,
  type PlanModelRequest,
  type PlanModelResponse,
} from '@outrider/sdk/proto';
import { CodedError } from '../coded-error.js';
import { DEFAULT_ENGINE } from '../engine/engine-pool.js';
import { joinFaults } from './joined-faults.js';
import { type LoadRun } from './load-run.js';
import { LoadRuns } from './load-runs.js';
import { type StageProgress } from './load-progress.js';
import { modelView } from './model-view.js';
import { restoreDefaultDraft, setDefaultDraft } from './pairing.js';
import { resolvePlacement } from './placement.js';
import { planModels } from './plan.js';
import { isReady, ModelRecord, type ReadyModel, roleOf, unusable } from './record.js';
import { type EngineHome } from './engine-homes.js';
import { Recovery } from './recovery.js';
import { assertReplaceable } from './replacement.js';
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
  readonly #recoveries = new Map<EngineHome, Recovery>();
  readonly #loads: LoadRuns;

  constructor(options: RegistryOptions) {
    this.#shelf = new Shelf(options);
    this.#loads = new LoadRuns(this.#shelf);
    this.#shelf.homes.follow({
      opened: home => void this.#recoveries.set(home, new Recovery(home, this.#shelf)),
      ended: home => void this.#recoveries.delete(home),
    });
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

  /** @throws CodedError MODEL_NOT_READY when a model that was asked for has been taken away meanwhile, or replaced */
  assertHeld(record: ModelRecord): void {
    if (!this.#shelf.holds(record)) throw unusable(record, this.#shelf.nowMs());
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
   * @throws CodedError for wrong fields, MODEL_EXISTS, MODEL_IN_USE, MODEL_NOT_FOUND and others of `draft_for`; the rest by
   * the progress
   */
  async load(request: LoadModelRequest, signal: AbortSignal): Promise<Loading> {
    await this.#loads.cleanedUp(request.modelId);
    const known = this.#same(request);
    if (known !== undefined) return await this.#join(known, request, signal);
    await this.#checkPlacement(request);
    await this.#loads.cleanedUp(request.modelId);
    signal.throwIfAborted();
    // Another caller may have begun the same load meanwhile.
    const begun = this.#same(request);
    if (begun !== undefined) return await this.#join(begun, request, signal);
    const old = this.#toReplace(request);
    if (old === undefined) this.#assertFree(request);
    if (request.draftFor !== '') this.#shelf.ready(request.draftFor);
    const record = old === undefined ? this.#add(request, false) : this.#succeed(old, request);
    return this.#follow(record, this.#loads.start(record, request.detached, false), signal);
  }

  /**
   * Loads a model that the server begins with. A failure leaves it FAILED.
   * @param options `trusted`: the server's own configuration names it, so that its file may lie anywhere
   * @throws CodedError why it failed
   */
  async loadAtStart(
    request: LoadModelRequest,
    { trusted }: { readonly trusted: boolean },
  ): Promise<ModelRecord> {
    const record = this.#add(request, trusted);
    for (;;) {
      const run = this.#loads.start(record, true, true);
      try {
        for await (const progress of run.follow(new AbortController().signal)) {
          this.#shelf.log.debug({ model: record.name, ...progress }, 'loading');
        }
        return record;
      } catch (error) {
        const died =
          record.failure?.reason === 'MODEL_CRASHED_ENGINE' ||
          record.failure?.reason === 'ENGINE_RESTARTED';
        const { home } = record;
        if (!died || home === undefined || home.crashes.condemns(record.key)) throw error;
        if (!home.engine.status().running) await this.#recoveries.get(home)?.nextProcess();
      }
    }
  }

  /** The refusal of a load for wrong fields, with what is wrong about its placement on these devices. */
  async withPlacementFaults(refusal: CodedError, request: LoadModelRequest): Promise<CodedError> {
    if (refusal.reason !== 'INVALID_FIELD') return refusal;
    // Refused counts are not acted on: n_cpu_moe becomes a pattern that names every layer.
    const placement = request.placement && { ...request.placement, moeOnCpu: undefined };
    try {
      await this.#checkPlacement({ ...request, placement });
      return refusal;
    } catch (error) {
      return joinFaults(refusal, CodedError.from(error));
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

  /** Pairs as it was before a restart; see `restoreDefaultDraft`. */
  restoreDefaultDraft(target: string, draft: string): Promise<void> {
    return restoreDefaultDraft(target, draft, this.#shelf);
  }

  openStream(request: StreamRequest): Promise<OpenStream> {
    return openStream(request, this.#shelf);
  }

  /** Gives up every load. */
  close(): void {
    const error = new CodedError('SERVER_DRAINING', 'the server is shutting down');
    for (const { run, successor } of this.records) {
      run?.abort(error);
      successor?.run?.abort(error);
    }
    for (const recovery of this.#recoveries.values()) recovery.close(error);
  }

  /** The record of the same request, loaded or on its way; undefined if the id is free or taken by another request. */
  #same(request: LoadModelRequest): ModelRecord | undefined {
    const record = this.find(request.modelId);
    return [record, record?.successor].find(
      each => each !== undefined && differingFields(each.request, request).length === 0,
    );
  }

  /** The model whose place a request wants to take. @throws CodedError MODEL_IN_USE, MODEL_NOT_READY, MODEL_EXISTS, … */
  #toReplace(request: LoadModelRequest): ModelRecord | undefined {
    const old = request.replace ? this.find(request.modelId) : undefined;
    if (old === undefined) return undefined;
    if (old.successor !== undefined) this.#refuseTaken(old.successor, request);
    assertReplaceable(old, this.#shelf);
    return old;
  }

  #assertFree(request: LoadModelRequest): void {
    const record = this.find(request.modelId);
    if (record !== undefined) this.#refuseTaken(record, request);
  }

  #refuseTaken(record: ModelRecord, request: LoadModelRequest): never {
    const differs = differingFields(record.request, request).join(',');
    const text = this.#shelf.holds(record)
      ? `${record.name} exists with other settings (${differs}); replace it, unload it first, or take another id`
      : `${record.name} is being replaced with other settings (${differs}); wait until it is`;
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
    record.home?.crashes.forget(record.key);
    return this.#follow(record, this.#loads.start(record, request.detached, true), signal);
  }

  #follow(record: ModelRecord, run: LoadRun, signal: AbortSignal): Loading {
    return { record, progress: run.follow(signal) };
  }

  #add(request: LoadModelRequest, trusted: boolean): ModelRecord {
    this.#assertFree(request);
    const { maxQueue } = this.#shelf;
    const record = new ModelRecord(request, { trusted, maxQueue });
    this.#shelf.add(record);
    return record;
  }

  /** A model that takes the place of another once it is loaded; until then nobody but the old one knows it. */
  #succeed(old: ModelRecord, request: LoadModelRequest): ModelRecord {
    const { maxQueue } = this.#shelf;
    const key = this.#shelf.freshKey(old.name);
    const record = new ModelRecord(request, { trusted: false, maxQueue, key });
    old.successor = record;
    return record;
  }

  /** Wrong fields are told before names and states; what BEST_EFFORT may forgive is left to the load. */
  async #checkPlacement(request: LoadModelRequest): Promise<void> {
    const engine = this.#shelf.homes.engineFor(request.engine || DEFAULT_ENGINE);
    const inventory = await engine.inventory();
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
