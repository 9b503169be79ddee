import {
  DraftSource,
  type EffectivePlacement,
  type EffectiveSpeculation,
  SpeculationMode,
  SpeculationOffReason,
} from '@outrider/sdk/proto';
import { type SpeculationSpec } from '../engine/protocol.js';
import { checkDraft, speculationUnavailable } from './draft-check.js';
import { isReady, type ModelRecord, type ReadyModel } from './record.js';
import { type Shelf } from './shelf.js';

/** What a request wants, defaults filled in. */
export interface WantedSpeculation {
  readonly mode: 'auto' | 'off' | 'fixed';
  /** Unset: the default draft of the target. Empty: no draft model. */
  readonly draftModel: string | undefined;
  /** 0 turns speculation off. */
  readonly maxDraftTokens: number;
  readonly minDraftTokens: number;
  readonly minDraftProbability: number;
  /** Fail instead of going on without. */
  readonly required: boolean;
}

/** What will be done: for the engine, and for the caller. */
export interface DecidedSpeculation {
  readonly spec: SpeculationSpec;
  readonly effective: EffectiveSpeculation;
}

/** Makes sure that the vocabularies of a request's pair were compared. */
export async function learnPair(target: ReadyModel, wanted: WantedSpeculation, shelf: Shelf) {
  if (isOff(wanted)) return;
  const draft = shelf.find(draftName(target, wanted));
  if (draft === undefined || !isReady(draft) || draft.home !== target.home) return;
  await shelf.vocabularies.compare(target, draft);
}

/**
 * Decides how one generation speculates. `seat` takes a sequence of the draft and says whether there was one.
 * @throws CodedError if speculation is required and cannot be had
 */
export function decideSpeculation(
  target: ReadyModel,
  wanted: WantedSpeculation,
  shelf: Shelf,
  seat: (draft: ReadyModel) => boolean,
): DecidedSpeculation {
  if (isOff(wanted)) {
    const detail = wanted.mode === 'off' ? 'mode is OFF' : 'max_draft_tokens is 0';
    return plain(target, SpeculationOffReason.DISABLED, detail);
  }
  const name = draftName(target, wanted);
  if (name === '') {
    const offReason = SpeculationOffReason.NO_SOURCE;
    const detail = 'there is no draft model: the request names none and the target has no default';
    if (wanted.required) throw speculationUnavailable(offReason, detail);
    return plain(target, offReason, detail);
  }
  const check = checkDraft(target, name, shelf);
  if (!check.usable) {
    if (wanted.required) throw check.error;
    return plain(target, check.offReason, check.error.message);
  }
  if (!seat(check.draft)) {
    const offReason = SpeculationOffReason.DRAFT_BUSY;
    const detail = `the draft ${check.draft.name} has no free sequence`;
    if (wanted.required) throw speculationUnavailable(offReason, detail);
    return plain(target, offReason, detail);
  }
  return active(target, check.draft, wanted);
}

function isOff(wanted: WantedSpeculation): boolean {
  return wanted.mode === 'off' || wanted.maxDraftTokens === 0;
}

function draftName(target: ModelRecord, wanted: WantedSpeculation): string {
  return wanted.draftModel ?? target.defaultDraft ?? '';
}

function active(
  target: ReadyModel,
  draft: ReadyModel,
  wanted: WantedSpeculation,
): DecidedSpeculation {
  const rows = target.loaded.options.microBatchSize ?? Infinity;
  const maxDraftTokens = Math.max(1, Math.min(wanted.maxDraftTokens, rows - 1));
  const minDraftTokens = Math.min(wanted.minDraftTokens, maxDraftTokens);
  const { minDraftProbability } = wanted;
  return {
    spec: { draftModel: draft.key, maxDraftTokens, minDraftTokens, minDraftProbability },
    effective: {
      active: true,
      offReason: SpeculationOffReason.UNSPECIFIED,
      detail:
        wanted.mode === 'auto'
          ? `AUTO drafts a fixed ${maxDraftTokens} tokens; it does not adapt yet`
          : '',
      mode: SpeculationMode.FIXED,
      draftModel: draft.name,
      sources: [DraftSource.DRAFT_MODEL],
      maxDraftTokens,
      minDraftTokens,
      minDraftProbability,
      overlap: false,
      targetDevices: holders(target.loaded.placement),
      draftDevices: holders(draft.loaded.placement),
    },
  };
}

function plain(
  target: ReadyModel,
  offReason: SpeculationOffReason,
  detail: string,
): DecidedSpeculation {
  return {
    spec: { maxDraftTokens: 0, minDraftTokens: 0, minDraftProbability: 0 },
    effective: {
      active: false,
      offReason,
      detail,
      mode: SpeculationMode.OFF,
      draftModel: '',
      sources: [],
      maxDraftTokens: 0,
      minDraftTokens: 0,
      minDraftProbability: 0,
      overlap: false,
      targetDevices: holders(target.loaded.placement),
      draftDevices: [],
    },
  };
}

/** Devices that hold layers, the CPU last. */
function holders(placement: EffectivePlacement): string[] {
  const layered = placement.usage.filter(usage => usage.layers > 0).map(usage => usage.device);
  const onCpu = layered.includes('cpu') || placement.gpuLayers < placement.totalLayers;
  return [...layered.filter(device => device !== 'cpu'), ...(onCpu ? ['cpu'] : [])];
}
