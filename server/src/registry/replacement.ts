import { ModelState } from '@outrider/sdk/proto';
import { CodedError } from '../coded-error.js';
import { checkPair } from './draft-check.js';
import { isReady, type ModelRecord, type ReadyModel, unusable } from './record.js';
import { type Shelf } from './shelf.js';
import { inUse, unloadedError } from './unload.js';

/**
 * Refuses to replace a model that generates, or that is not there to be replaced.
 * @throws CodedError MODEL_IN_USE; MODEL_NOT_READY, MODEL_UNLOADING, MODEL_UNLOADED
 */
export function assertReplaceable(old: ModelRecord, shelf: Shelf): void {
  if (!shelf.holds(old)) throw unloadedError(old);
  if (old.state !== ModelState.READY && old.state !== ModelState.FAILED) {
    throw unusable(old, shelf.nowMs());
  }
  if (old.users > 0) throw inUse(old, 'replace it when its streams have ended');
}

/**
 * Puts a loaded model into the place of another: its name, its pairings, and the streams that it drafts for.
 * @throws CodedError MODEL_IN_USE and others of `assertReplaceable`; ENGINE_MISMATCH, VOCAB_MISMATCH,
 * UNSUPPORTED_MEMORY_TYPE of a pairing that could not follow. Nothing has changed then.
 */
export async function takeOver(
  old: ModelRecord,
  fresh: ReadyModel,
  signal: AbortSignal,
  shelf: Shelf,
): Promise<void> {
  for (;;) {
    const pair = unknownPair(old, fresh, shelf);
    if (pair === undefined) break;
    await shelf.vocabularies.compare(...pair);
  }
  signal.throwIfAborted();
  // From here on nothing waits, so that no stream begins on a model that is about to go.
  assertReplaceable(old, shelf);
  for (const [target, draft] of pairings(old, fresh, shelf)) {
    const check = checkPair(target, draft, shelf);
    if (!check.usable) throw check.error;
  }
  const { draftFor } = fresh.request;
  if (draftFor !== '') shelf.ready(draftFor).defaultDraft = fresh.name;
  fresh.defaultDraft = old.defaultDraft;
  fresh.state = ModelState.READY;
  shelf.replace(old, fresh);
  for (const stream of [...old.drafts]) {
    if (checkPair(stream.target, fresh, shelf).usable) stream.moveDraft(fresh);
    else stream.detachDraft();
  }
}

/** Frees a model whose place was taken. */
export async function letGo(old: ModelRecord, shelf: Shelf): Promise<void> {
  const held = isReady(old);
  // Who was about to use it is told to come back, and finds the new one.
  old.state = ModelState.RELOADING;
  try {
    if (held) await old.home.engine.unload(old.key);
  } catch (error) {
    // A dead engine holds nothing.
    const coded = CodedError.from(error);
    if (coded.reason !== 'ENGINE_RESTARTED') {
      shelf.log.error({ model: old.key, reason: coded.reason }, 'a replaced model was not freed');
    }
  }
  await shelf.homes.leave(old);
}

type Pair = readonly [target: ReadyModel, draft: ReadyModel];

/** Default drafts, asked for or standing, that the new model will be part of. */
function pairings(old: ModelRecord, fresh: ReadyModel, shelf: Shelf): Pair[] {
  const { draftFor } = fresh.request;
  const asked = draftFor === '' ? undefined : shelf.find(draftFor);
  const targets = shelf.records.filter(
    other => other !== old && (other.defaultDraft === old.name || other === asked),
  );
  const draft = old.defaultDraft === undefined ? undefined : shelf.find(old.defaultDraft);
  const drafts = draft === undefined || !isReady(draft) ? [] : [draft];
  return [
    ...targets.filter(isReady).map((target): Pair => [target, fresh]),
    ...drafts.map((its): Pair => [fresh, its]),
  ];
}

/** A pair whose vocabularies nobody has compared yet, and which can be compared. */
function unknownPair(old: ModelRecord, fresh: ReadyModel, shelf: Shelf): Pair | undefined {
  const drafted = [...old.drafts].map(({ target }): Pair => [target, fresh]);
  return [...pairings(old, fresh, shelf), ...drafted].find(
    ([target, draft]) =>
      target.home === draft.home && shelf.vocabularies.known(target, draft) === undefined,
  );
}
