import { ModelState, SpeculationOffReason } from '@outrider/sdk/proto';
import { CodedError } from '../coded-error.js';
import { modelNotFound } from './model-name.js';
import { isReady, type ModelRecord, type ReadyModel, unusable, wasLoaded } from './record.js';
import { type Shelf } from './shelf.js';
import { vocabularyMismatch } from './vocabulary-checks.js';

/** Whether one model can draft for another now, and if not, why. */
export type DraftCheck =
  | { readonly usable: true; readonly draft: ReadyModel }
  | {
      readonly usable: false;
      readonly offReason: SpeculationOffReason;
      /** What REQUIRE fails with. */
      readonly error: CodedError;
    };

/**
 * Looks at states, engines, memory types and vocabularies. A pair that nobody has compared yet passes;
 * whoever must know asks `vocabularies.compare` first. Free sequences are not looked at.
 */
export function checkDraft(target: ModelRecord, draftName: string, shelf: Shelf): DraftCheck {
  const draft = shelf.find(draftName);
  if (draft === undefined) {
    return off(SpeculationOffReason.DRAFT_NOT_FOUND, modelNotFound(draftName));
  }
  if (draft.state === ModelState.FAILED) return failed(draft);
  if (!isReady(draft)) return notReady(draft, shelf.nowMs());
  return checkPair(target, draft, shelf);
}

/** As `checkDraft`, for a loaded draft in whatever state, and known by that name or not. */
export function checkPair(target: ModelRecord, draft: ReadyModel, shelf: Shelf): DraftCheck {
  if (target.engineName !== draft.engineName) {
    return off(SpeculationOffReason.ENGINE_MISMATCH, engineMismatch(target, draft));
  }
  const stuck = [target, draft].find(({ loaded }) => loaded?.info.canSpeculate === false);
  if (stuck !== undefined) {
    return off(SpeculationOffReason.UNSUPPORTED_MEMORY_TYPE, unsupportedMemory(stuck));
  }
  return wasLoaded(target) ? compared(target, draft, shelf) : { usable: true, draft };
}

/** The refusal of a pair that lives in two engines. */
export function engineMismatch(target: ModelRecord, draft: ModelRecord): CodedError {
  const text = `${draft.name} is in the engine "${draft.engineName}", ${target.name} in "${target.engineName}"; only models of one engine can pair`;
  return new CodedError('ENGINE_MISMATCH', text, {
    metadata: {
      model: draft.name,
      engine: draft.engineName,
      target: target.name,
      target_engine: target.engineName,
    },
  });
}

/** A speculation that was required and cannot be had, for a reason without a refusal of its own. */
export function speculationUnavailable(
  offReason: SpeculationOffReason,
  detail: string,
): CodedError {
  const reason = offReason.replace('SPECULATION_OFF_REASON_', '');
  return new CodedError('SPECULATION_UNAVAILABLE', detail, { metadata: { off_reason: reason } });
}

function compared(target: ReadyModel, draft: ReadyModel, shelf: Shelf): DraftCheck {
  const verdict = shelf.vocabularies.known(target, draft);
  if (verdict === undefined || verdict.match) return { usable: true, draft };
  return off(
    SpeculationOffReason.VOCAB_MISMATCH,
    vocabularyMismatch(target.name, draft.name, verdict),
  );
}

function failed(draft: ModelRecord): DraftCheck {
  const offReason =
    draft.failure?.reason === 'INSUFFICIENT_DEVICE_MEMORY'
      ? SpeculationOffReason.DRAFT_OUT_OF_MEMORY
      : SpeculationOffReason.DRAFT_FAILED;
  const detail = `the draft ${draft.name} has failed: ${draft.failure?.message ?? 'unknown'}`;
  return off(offReason, speculationUnavailable(offReason, detail));
}

function notReady(draft: ModelRecord, nowMs: number): DraftCheck {
  const offReason = SpeculationOffReason.DRAFT_NOT_READY;
  if (draft.state !== ModelState.DRAINING) return off(offReason, unusable(draft, nowMs));
  const text = `the draft ${draft.name} is being unloaded`;
  const metadata = { model: draft.name };
  return off(offReason, new CodedError('MODEL_NOT_READY', text, { metadata, retryAfterMs: 1_000 }));
}

/** The refusal of a model that cannot take back what it has read. */
export function unsupportedMemory(model: ModelRecord): CodedError {
  const text = `the memory of ${model.name} cannot be rolled back, which speculation needs`;
  return new CodedError('UNSUPPORTED_MEMORY_TYPE', text, { metadata: { model: model.name } });
}

function off(offReason: SpeculationOffReason, error: CodedError): DraftCheck {
  return { usable: false, offReason, error };
}
