import { CodedError, invalidField } from '../coded-error.js';
import { checkDraft, checkPair } from './draft-check.js';
import { type ModelRecord, wasLoaded } from './record.js';
import { type Shelf } from './shelf.js';

/**
 * Makes `draft`, which the engine holds, the default draft of a target.
 * @throws CodedError MODEL_NOT_FOUND, MODEL_NOT_READY, … of the target; ENGINE_MISMATCH, VOCAB_MISMATCH, UNSUPPORTED_MEMORY_TYPE
 */
export async function pair(targetName: string, draft: ModelRecord, shelf: Shelf): Promise<void> {
  const target = shelf.ready(targetName);
  if (!wasLoaded(draft)) throw new Error(`${draft.name} is not loaded`);
  // Before the comparison too: only an engine that holds both can compare.
  const before = checkPair(target, draft, shelf);
  if (!before.usable) throw before.error;
  await shelf.vocabularies.compare(target, draft);
  const after = checkPair(target, draft, shelf);
  if (!after.usable) throw after.error;
  target.defaultDraft = draft.name;
}

/**
 * Sets or, with an empty name, takes away the default draft of a target. Streams in flight keep what they have.
 * @throws CodedError INVALID_FIELD, MODEL_NOT_FOUND, MODEL_NOT_READY, MODEL_FAILED, ENGINE_MISMATCH, VOCAB_MISMATCH, …
 */
export async function setDefaultDraft(
  targetName: string,
  draftName: string,
  shelf: Shelf,
): Promise<ModelRecord> {
  const target = shelf.get(targetName);
  if (draftName === '') {
    target.defaultDraft = undefined;
    shelf.changed(target);
    return target;
  }
  if (shelf.get(draftName) === target) {
    throw invalidField('draft', 'a model cannot draft for itself; load it under two ids');
  }
  const ready = shelf.ready(targetName);
  await pair(targetName, shelf.ready(draftName), shelf);
  // The comparison may have taken a while.
  const check = checkDraft(ready, draftName, shelf);
  if (!check.usable) throw check.error;
  shelf.changed(ready);
  return ready;
}

/**
 * Pairs two models as they were before a restart. Where one of them cannot be used now they are paired all the same, as
 * after a crash: requests are told why they go without, until it is loaded again. A pair of which one is gone is logged.
 */
export async function restoreDefaultDraft(
  targetName: string,
  draftName: string,
  shelf: Shelf,
): Promise<void> {
  try {
    await setDefaultDraft(targetName, draftName, shelf);
  } catch (error) {
    const { reason, message } = CodedError.from(error);
    shelf.log.warn({ target: targetName, draft: draftName, reason }, message);
    const [target, draft] = [shelf.find(targetName), shelf.find(draftName)];
    if (target === undefined || draft === undefined || target === draft) return;
    target.defaultDraft = draft.name;
    shelf.changed(target);
  }
}
