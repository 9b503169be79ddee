import { type DeviceUsage, ModelState } from '@outrider/sdk/proto';
import { CodedError } from '../coded-error.js';
import { type ModelRecord, unusable } from './record.js';
import { type Shelf } from './shelf.js';

/** How to free a model that is in use. */
export interface UnloadOptions {
  /** Take nothing new and wait so many milliseconds for streams to end; unset: do not wait. */
  readonly drainTimeoutMs: number | undefined;
  /** End the streams that are left. */
  readonly force: boolean;
  /** Let streams that only draft with it go on without it. */
  readonly detach: boolean;
  /** The caller left: the model stays, if nothing was ended yet. */
  readonly signal: AbortSignal;
}

/** What an unload did. */
export interface Unloaded {
  readonly freed: readonly DeviceUsage[];
  readonly abortedGenerations: number;
  readonly detachedGenerations: number;
}

/**
 * Frees a model, by the table of the contract.
 * @throws CodedError MODEL_NOT_FOUND; MODEL_IN_USE; MODEL_UNLOADING when another unload is at it
 */
export async function unload(
  name: string,
  options: UnloadOptions,
  shelf: Shelf,
): Promise<Unloaded> {
  const record = shelf.get(name);
  switch (record.state) {
    case ModelState.READY:
      return unloadReady(record, options, shelf);
    case ModelState.DRAINING:
      throw unusable(record, shelf.nowMs());
    default:
      // It holds nothing, or what it holds is freed by its load when that is aborted.
      shelf.remove(record);
      record.run?.abort(unloadedError(record));
      record.successor?.run?.abort(unloadedError(record));
      if (record.state !== ModelState.LOADING) await shelf.homes.leave(record);
      return { freed: [], abortedGenerations: 0, detachedGenerations: 0 };
  }
}

async function unloadReady(
  record: ModelRecord,
  options: UnloadOptions,
  shelf: Shelf,
): Promise<Unloaded> {
  if (options.drainTimeoutMs !== undefined) {
    setState(record, ModelState.DRAINING, shelf);
    try {
      await idle(record, options.drainTimeoutMs, options.signal);
      refuseIfInUse(record, options);
    } catch (error) {
      // There is no way back for a model whose engine has died meanwhile.
      if (!record.lost) {
        setState(record, ModelState.READY, shelf);
        throw error;
      }
    }
  } else {
    refuseIfInUse(record, options);
    setState(record, ModelState.DRAINING, shelf);
  }
  record.closing = true;
  record.successor?.run?.abort(unloadedError(record));
  const detachedGenerations = record.drafts.size;
  const abortedGenerations = record.users;
  for (const stream of record.drafts) stream.detachDraft();
  record.admission.refuseAll(unloadedError(record));
  for (const stream of record.generations) stream.end(unloadedError(record));
  const freed = record.loaded?.placement.usage ?? [];
  await free(record, shelf);
  return { freed, abortedGenerations, detachedGenerations };
}

async function free(record: ModelRecord, shelf: Shelf): Promise<void> {
  try {
    await record.home?.engine.unload(record.key);
  } catch (error) {
    // A dead engine holds nothing.
    if (CodedError.from(error).reason !== 'ENGINE_RESTARTED') {
      record.failure = CodedError.from(error);
      setState(record, ModelState.FAILED, shelf);
      throw error;
    }
  }
  shelf.remove(record);
  await shelf.homes.leave(record);
}

function refuseIfInUse(record: ModelRecord, { force, detach }: UnloadOptions): void {
  const [generations, drafts] = [record.users, record.drafts.size];
  if (force || (generations === 0 && (drafts === 0 || detach))) return;
  throw inUse(record, generations === 0 ? 'detach, drain or force' : 'drain or force');
}

/** The refusal to take away a model that streams use. */
export function inUse(record: ModelRecord, remedy: string): CodedError {
  const [generations, drafts] = [record.users, record.drafts.size];
  const text = `${record.name} is in use: ${generations} generations, ${drafts} drafts; ${remedy}`;
  const metadata = { model: record.name, generations: String(generations), drafts: String(drafts) };
  return new CodedError('MODEL_IN_USE', text, { metadata });
}

function idle(record: ModelRecord, timeoutMs: number, signal: AbortSignal): Promise<void> {
  if (record.idle) return Promise.resolve();
  return new Promise((resolve, reject) => {
    const finish = () => {
      clearTimeout(timer);
      takeBack();
      signal.removeEventListener('abort', left);
      resolve();
    };
    const left = () => {
      reject(new CodedError('CANCELLED', 'the caller left'));
      finish();
    };
    const timer = setTimeout(finish, Math.min(timeoutMs, 2 ** 31 - 1));
    const takeBack = record.onIdle(finish);
    signal.addEventListener('abort', left, { once: true });
  });
}

/** What a stream ends with when its model is taken away by force. */
export function unloadedError(record: ModelRecord): CodedError {
  return new CodedError('MODEL_UNLOADED', `${record.name} was unloaded`, {
    metadata: { model: record.name },
  });
}

function setState(record: ModelRecord, state: ModelState, shelf: Shelf): void {
  record.state = state;
  shelf.changed(record);
}
