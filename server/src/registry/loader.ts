import {
  LoadStage,
  ModelState,
  type ModelSource,
  RuntimeOptions,
  UnavailablePolicy,
} from '@outrider/sdk/proto';
import { CodedError } from '../coded-error.js';
import { type LoadedModel, type LoadSpec, type PlannedModel } from '../engine/protocol.js';
import { checkSha256 } from './checksum.js';
import { fitLoad } from './fit.js';
import { type LoadRun } from './load-run.js';
import { pair } from './pairing.js';
import { resolvePlacement } from './placement.js';
import { type ModelRecord, roleOf } from './record.js';
import { type Shelf } from './shelf.js';
import { resolveSource } from './source.js';

/**
 * Carries out the load of a record: file, placement, engine, pairing. Leaves it READY, or FAILED under BEST_EFFORT.
 * @throws CodedError why it could not be loaded; nothing is held then
 */
export async function load(record: ModelRecord, run: LoadRun, shelf: Shelf): Promise<void> {
  run.report(RESOLVING);
  try {
    record.spec = await resolveSpec(record, run, shelf);
    await loadSpec(record, record.spec, run, shelf);
    await pairOrFree(record, run, shelf);
    record.state = ModelState.READY;
  } catch (error) {
    const coded = blamed(CodedError.from(error), record, shelf);
    if (!isBestEffort(record, coded)) throw coded;
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
  const loaded = await inEngine(spec, run, shelf);
  if (run.signal.aborted) {
    await shelf.engine.unload(record.name);
    run.signal.throwIfAborted();
  }
  record.loaded = loaded;
  record.failure = undefined;
  record.loadTime = new Date();
  record.loadMs = Math.round(shelf.nowMs() - began);
}

async function inEngine(spec: LoadSpec, run: LoadRun, shelf: Shelf): Promise<LoadedModel> {
  return blaming(spec, shelf, () =>
    shelf.engine.load(spec, {
      signal: run.signal,
      onProgress: progress => run.report(progress),
    }),
  );
}

/** Notes a death of the engine that happens while the model is worked on. */
async function blaming<Result>(
  spec: LoadSpec,
  shelf: Shelf,
  work: () => Promise<Result>,
): Promise<Result> {
  const { running } = shelf.engine.status();
  try {
    return await work();
  } catch (error) {
    // Without a process to begin with, the model did not bring one down.
    if (running && CodedError.from(error).reason === 'ENGINE_RESTARTED') {
      shelf.crashes.blame(spec.model);
    }
    throw error;
  }
}

async function pairOrFree(record: ModelRecord, run: LoadRun, shelf: Shelf): Promise<void> {
  try {
    if (record.request.draftFor !== '') await pair(record.request.draftFor, record, shelf);
    run.signal.throwIfAborted();
  } catch (error) {
    record.loaded = undefined;
    await shelf.engine.unload(record.name);
    throw error;
  }
}

const RESOLVING = { stage: LoadStage.RESOLVING, fraction: 0, doneBytes: 0, totalBytes: 0 };

async function resolveSpec(record: ModelRecord, run: LoadRun, shelf: Shelf): Promise<LoadSpec> {
  const { request, trusted, name } = record;
  const { source } = request;
  if (source === undefined) throw new Error('a request without a source was let through');
  const inventory = await shelf.engine.inventory();
  const resolution = resolvePlacement(request.placement, roleOf(request), inventory);
  record.warnings = resolution.warnings;
  const path = await resolveSource(source, { roots: shelf.roots, trusted });
  if (source.sha256 !== '') {
    await checkSha256(path, source.source?.value ?? '', source.sha256, {
      signal: run.signal,
      onRead: fraction => run.report({ ...RESOLVING, fraction }),
    });
  }
  const options = withSourceDefaults(
    withTargetDefaults(request.options, shelf.find(request.draftFor)?.loaded?.options),
    source,
  );
  const spec = { model: name, path, placement: resolution.placement, options };
  const plan = async (each: LoadSpec): Promise<PlannedModel> => {
    run.signal.throwIfAborted();
    return blaming(each, shelf, () => shelf.engine.plan(each));
  };
  // Asked again: what was free when the request came may be taken by now.
  const { devices } = await shelf.engine.inventory();
  return fitLoad(spec, resolution, { plan, devices, checked: !request.skipMemoryCheck });
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

/** Models of a few megabytes lose more by waiting for a second thread than it computes. */
function withSourceDefaults(options: RuntimeOptions, { source }: ModelSource): RuntimeOptions {
  const embedded = source?.$case === 'uri' && source.value.startsWith('embedded:');
  return embedded ? { ...options, threads: options.threads ?? 1 } : options;
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
  if (error.reason !== 'ENGINE_RESTARTED' || !shelf.crashes.suspects(record.name)) return error;
  const others = shelf.records.some(
    other => other !== record && shelf.crashes.suspects(other.name),
  );
  if (others) return error;
  const how = shelf.engine.status().lastExit || 'unknown';
  return new CodedError(
    'MODEL_CRASHED_ENGINE',
    `the engine process ended (${how}) while loading ${record.name}; do not retry`,
    { metadata: { model: record.name, last_exit: how }, cause: error },
  );
}
