import { LoadStage, ModelState, RuntimeOptions, UnavailablePolicy } from '@outrider/sdk/proto';
import { CodedError } from '../coded-error.js';
import { type LoadedModel, type LoadSpec, type PlannedModel } from '../engine/protocol.js';
import { checkSha256 } from './checksum.js';
import { fitLoad } from './fit.js';
import { engineMismatch } from './draft-check.js';
import { type EngineHome } from './engine-homes.js';
import { type LoadRun } from './load-run.js';
import { pair } from './pairing.js';
import { resolvePlacement } from './placement.js';
import { type ModelRecord, roleOf, wasLoaded } from './record.js';
import { letGo, takeOver } from './replacement.js';
import { type Shelf } from './shelf.js';
import { resolveSource } from './source.js';

/**
 * Carries out the load of a record: file, placement, engine, pairing. Leaves it READY, or FAILED under BEST_EFFORT.
 * @param old the model whose place it takes; it stays as it is when the load fails
 * @throws CodedError why it could not be loaded; nothing is held then
 */
export async function load(
  record: ModelRecord,
  run: LoadRun,
  shelf: Shelf,
  old?: ModelRecord,
): Promise<void> {
  run.report(RESOLVING);
  try {
    assertOneEngine(record, shelf);
    await shelf.homes.enter(record);
    record.spec = await resolveSpec(record, run, shelf);
    await loadSpec(record, record.spec, run, shelf);
    await placeOrFree(record, run, shelf, old);
    record.state = ModelState.READY;
    if (old !== undefined) await letGo(old, shelf);
  } catch (error) {
    const coded = blamed(CodedError.from(error), record, shelf);
    // Where another model stays in its place there is nothing to go on without.
    if (old !== undefined || !isBestEffort(record, coded)) throw coded;
    record.failure = coded;
    record.state = ModelState.FAILED;
    const target = shelf.find(record.request.draftFor);
    if (target !== undefined) target.defaultDraft = record.name;
  }
}

/** Loads what a record stands for into the engine, without looking at pairings. */
export async function loadSpec(
  record: ModelRecord,
  spec: LoadSpec,
  run: LoadRun,
  shelf: Shelf,
): Promise<void> {
  const began = shelf.nowMs();
  run.signal.throwIfAborted();
  const loaded = await inEngine(homeOf(record), spec, run);
  if (run.signal.aborted) {
    await homeOf(record).engine.unload(record.key);
    run.signal.throwIfAborted();
  }
  record.loaded = loaded;
  record.failure = undefined;
  record.loadTime = new Date();
  record.loadMs = Math.round(shelf.nowMs() - began);
}

function homeOf({ home, name }: ModelRecord): EngineHome {
  if (home === undefined) throw new Error(`${name} has no engine`);
  return home;
}

/** Before anything is read: a pair that lives in two engines cannot become one. */
function assertOneEngine(record: ModelRecord, shelf: Shelf): void {
  const target = shelf.find(record.request.draftFor);
  if (target === undefined || target.engineName === record.engineName) return;
  throw engineMismatch(target, record);
}

async function inEngine(home: EngineHome, spec: LoadSpec, run: LoadRun): Promise<LoadedModel> {
  const loaded = await blaming(spec, home, () =>
    home.engine.load(spec, {
      signal: run.signal,
      onProgress: progress => run.report(progress),
    }),
  );
  home.crashes.loaded(spec.model);
  return loaded;
}

/** Notes a death of the engine that happens while the model is worked on. */
async function blaming<Result>(
  spec: LoadSpec,
  { engine, crashes }: EngineHome,
  work: () => Promise<Result>,
): Promise<Result> {
  const { running } = engine.status();
  try {
    return await work();
  } catch (error) {
    // Without a process to begin with, the model did not bring one down.
    if (running && CodedError.from(error).reason === 'ENGINE_RESTARTED') {
      crashes.blame(spec.model, 'loading');
    }
    throw error;
  }
}

/** Gives a loaded model its pairing, or the place of the old one; frees it when that cannot be. */
async function placeOrFree(
  record: ModelRecord,
  run: LoadRun,
  shelf: Shelf,
  old: ModelRecord | undefined,
): Promise<void> {
  try {
    if (old !== undefined && wasLoaded(record)) await takeOver(old, record, run.signal, shelf);
    else {
      if (record.request.draftFor !== '') await pair(record.request.draftFor, record, shelf);
      run.signal.throwIfAborted();
    }
  } catch (error) {
    record.loaded = undefined;
    await homeOf(record).engine.unload(record.key);
    throw error;
  }
}

const RESOLVING = { stage: LoadStage.RESOLVING, fraction: 0, doneBytes: 0, totalBytes: 0 };

async function resolveSpec(record: ModelRecord, run: LoadRun, shelf: Shelf): Promise<LoadSpec> {
  const { request, trusted, key } = record;
  const { source } = request;
  if (source === undefined) throw new Error('a request without a source was let through');
  const home = homeOf(record);
  const inventory = await home.engine.inventory();
  const resolution = resolvePlacement(request.placement, roleOf(request), inventory);
  record.warnings = resolution.warnings;
  const path = await resolveSource(source, { roots: shelf.roots, trusted });
  if (source.sha256 !== '') {
    await checkSha256(path, source.source?.value ?? '', source.sha256, {
      signal: run.signal,
      onRead: fraction => run.report({ ...RESOLVING, fraction }),
    });
  }
  const paired = targetOf(record, shelf)?.loaded?.options;
  const options = withTargetDefaults(request.options, paired);
  const spec = { model: key, path, placement: resolution.placement, options };
  const plan = async (each: LoadSpec): Promise<PlannedModel> => {
    run.signal.throwIfAborted();
    return blaming(each, home, () => home.engine.plan(each));
  };
  // Asked again: what was free when the request came may be taken by now.
  const { devices } = await home.engine.inventory();
  return fitLoad(spec, resolution, { plan, devices, checked: !request.skipMemoryCheck });
}

/** The target of a paired draft. Pairings follow a replaced model, so its successor has that target too. */
function targetOf({ request, name }: ModelRecord, shelf: Shelf): ModelRecord | undefined {
  return (
    shelf.find(request.draftFor) ?? shelf.records.find(({ defaultDraft }) => defaultDraft === name)
  );
}

/** A paired draft has room for what its target may ask of it. */
export function withTargetDefaults(
  requested: RuntimeOptions | undefined,
  from: RuntimeOptions | undefined,
): RuntimeOptions {
  const options = requested ?? RuntimeOptions.fromPartial({});
  if (from === undefined) return options;
  return {
    ...options,
    contextLength: options.contextLength ?? from.contextLength,
    parallelSequences: options.parallelSequences ?? from.parallelSequences,
  };
}

/** BEST_EFFORT forgives that there is no memory or no backend, and nothing else. */
function isBestEffort({ request }: ModelRecord, { reason }: CodedError): boolean {
  return (
    request.onUnavailable === UnavailablePolicy.BEST_EFFORT &&
    (reason === 'INSUFFICIENT_DEVICE_MEMORY' || reason === 'BACKEND_UNAVAILABLE')
  );
}

/** A death of the engine during a load is this model's doing, unless others were at work too. */
function blamed(error: CodedError, record: ModelRecord, shelf: Shelf): CodedError {
  if (error.reason === 'BAD_MODEL_FILE' && error.metadata['path'] === undefined) {
    // As the caller named it: the engine knows only where it lies.
    const path = record.request.source?.source?.value ?? '';
    return new CodedError(error.reason, error.message, {
      metadata: { path, ...error.metadata },
      cause: error.cause,
    });
  }
  const { home } = record;
  if (error.reason !== 'ENGINE_RESTARTED' || home?.crashes.suspects(record.key) !== true) {
    return error;
  }
  const others = shelf.records.some(
    other => other !== record && other.home === home && home.crashes.suspects(other.key),
  );
  if (others) return error;
  const how = home.engine.status().lastExit || 'unknown';
  return new CodedError(
    'MODEL_CRASHED_ENGINE',
    `the engine process ended (${how}) while loading ${record.name}; do not retry`,
    { metadata: { model: record.name, last_exit: how }, cause: error },
  );
}
