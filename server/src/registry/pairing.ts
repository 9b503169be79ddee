import { invalidField } from '../coded-error.js';
import { checkDraft } from './draft-check.js';
import { type ModelRecord, wasLoaded } from './record.js';
import { type Shelf } from './shelf.js';
import { CodedError } from '../coded-error.js';
import { vocabularyMismatch } from './vocabulary-checks.js';

/**
 * Makes `draft`, which the engine holds, the default draft of a target.
 * @throws CodedError MODEL_NOT_FOUND, MODEL_NOT_READY, … of the target; VOCAB_MISMATCH, UNSUPPORTED_MEMORY_TYPE
 */
export async function pair(targetName: string, draft: ModelRecord, shelf: Shelf): Promise<void> {
  const target = shelf.ready(targetName);
  if (!wasLoaded(draft)) throw new Error(`${draft.name} is not loaded`);
  for (const model of [target, draft]) {
    if (model.loaded.info.canSpeculate) continue;
    const text = `the memory of ${model.name} cannot be rolled back, which speculation needs`;
    throw new CodedError('UNSUPPORTED_MEMORY_TYPE', text, { metadata: { model: model.name } });
  }
  const verdict = await shelf.vocabularies.compare(target, draft);
  if (!verdict.match) throw vocabularyMismatch(target.name, draft.name, verdict);
  target.defaultDraft = draft.name;
}

/**
 * Sets or, with an empty name, takes away the default draft of a target. Streams in flight keep what they have.
 * @throws CodedError INVALID_FIELD, MODEL_NOT_FOUND, MODEL_NOT_READY, MODEL_FAILED, VOCAB_MISMATCH, …
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
