import { type Model, ModelState, RuntimeOptions, SpeculationOffReason } from '@outrider/sdk/proto';
import { checkDraft } from './draft-check.js';
import { type ModelRecord } from './record.js';
import { type Shelf } from './shelf.js';

/** A record as callers see it. */
export function modelView(record: ModelRecord, shelf: Shelf): Model {
  const { loaded, failure } = record;
  const held = record.state === ModelState.READY || record.state === ModelState.DRAINING;
  return {
    name: record.name,
    state: record.state,
    stateError:
      failure === undefined ? undefined : { reason: failure.reason, message: failure.message },
    role: record.role,
    source: record.request.source,
    options: loaded?.options ?? record.request.options ?? RuntimeOptions.fromPartial({}),
    requestedPlacement: record.request.placement,
    placement: held ? loaded?.placement : undefined,
    info: loaded?.info,
    vocabularyFingerprint: loaded?.vocabularyFingerprint ?? '',
    loadTime: record.loadTime,
    loadMs: record.loadMs,
    defaultDraft: pairing(record, shelf),
    activeGenerations: record.generations.size,
    queuedGenerations: record.admission.waiting,
    activeDrafts: record.drafts.size,
    kvUsedTokens: held ? (record.home?.engine.kvUse(record.key).usedTokens ?? 0) : 0,
    kvTotalTokens: held ? (loaded?.kvTotalTokens ?? 0) : 0,
    engine: record.engineName,
    decodeCosts: [...(loaded?.decodeCosts ?? [])],
    warnings: [...record.warnings, ...(loaded?.warnings ?? [])],
  };
}

function pairing(target: ModelRecord, shelf: Shelf): Model['defaultDraft'] {
  const draftModel = target.defaultDraft;
  if (draftModel === undefined) return undefined;
  const check = checkDraft(target, draftModel, shelf);
  if (check.usable) {
    return {
      draftModel,
      available: true,
      offReason: SpeculationOffReason.UNSPECIFIED,
      detail: '',
    };
  }
  return { draftModel, available: false, offReason: check.offReason, detail: check.error.message };
}
