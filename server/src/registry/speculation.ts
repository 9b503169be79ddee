import {
  DraftSource,
  type EffectiveSpeculation,
  SpeculationMode,
  SpeculationOffReason,
} from '@outrider/sdk/proto';
import { computeApart, layerDevices } from '../engine/layer-devices.js';
import { type SpeculationSpec } from '../engine/protocol.js';
import { type CodedError } from '../coded-error.js';
import { checkDraft, speculationUnavailable, unsupportedMemory } from './draft-check.js';
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
  /** Sources that may be used; empty: all there are. */
  readonly sources: readonly DraftSource[];
  readonly overlap: 'auto' | 'off' | 'on';
  /** Chances by which dice accept; unset: the target decides. */
  readonly synthetic?: readonly number[];
  /** Fail instead of going on without. */
  readonly required: boolean;
}

/** What will be done: for the engine, and for the caller. */
export interface DecidedSpeculation {
  readonly spec: Omit<SpeculationSpec, 'draftModel'>;
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
  const model = findDraft(target, wanted, shelf, seat);
  if ('draft' in model) return active(target, model.draft, wanted);
  const { offReason, error } = model;
  if (offReason !== SpeculationOffReason.NO_SOURCE && wanted.required) throw error;
  if (!allows(wanted, DraftSource.NGRAM)) {
    if (wanted.required) throw error;
    return plain(target, offReason, error.message);
  }
  if (!target.loaded.info.canSpeculate) {
    const unsupported = unsupportedMemory(target);
    if (wanted.required) throw unsupported;
    return plain(target, SpeculationOffReason.UNSUPPORTED_MEMORY_TYPE, unsupported.message);
  }
  const decided = active(target, undefined, wanted);
  // Without a draft model that anybody wanted, nothing is missing.
  if (offReason === SpeculationOffReason.NO_SOURCE) return decided;
  return { ...decided, effective: { ...decided.effective, offReason, detail: error.message } };
}

/** The draft model, seated, or why there is none; NO_SOURCE: none was wanted. */
function findDraft(
  target: ReadyModel,
  wanted: WantedSpeculation,
  shelf: Shelf,
  seat: (draft: ReadyModel) => boolean,
): { draft: ReadyModel } | { offReason: SpeculationOffReason; error: CodedError } {
  const name = draftName(target, wanted);
  if (name === '' || !allows(wanted, DraftSource.DRAFT_MODEL)) {
    const offReason = SpeculationOffReason.NO_SOURCE;
    const detail =
      name === ''
        ? 'there is no draft model: the request names none and the target has no default'
        : 'the request does not allow a draft model';
    return { offReason, error: speculationUnavailable(offReason, detail) };
  }
  const check = checkDraft(target, name, shelf);
  if (!check.usable) return check;
  if (seat(check.draft)) return { draft: check.draft };
  const offReason = SpeculationOffReason.DRAFT_BUSY;
  const detail = `the draft ${check.draft.name} has no free sequence`;
  return { offReason, error: speculationUnavailable(offReason, detail) };
}

function allows({ sources }: WantedSpeculation, source: DraftSource): boolean {
  return sources.length === 0 || sources.includes(source);
}

function isOff(wanted: WantedSpeculation): boolean {
  return wanted.mode === 'off' || wanted.maxDraftTokens === 0;
}

function draftName(target: ModelRecord, wanted: WantedSpeculation): string {
  return wanted.draftModel ?? target.defaultDraft ?? '';
}

function active(
  target: ReadyModel,
  draft: ReadyModel | undefined,
  wanted: WantedSpeculation,
): DecidedSpeculation {
  const rows = target.loaded.options.microBatchSize ?? Infinity;
  const maxDraftTokens = Math.max(1, Math.min(wanted.maxDraftTokens, rows - 1));
  const minDraftTokens = Math.min(wanted.minDraftTokens, maxDraftTokens);
  const { minDraftProbability } = wanted;
  const fixed = wanted.mode === 'fixed';
  const ngram = allows(wanted, DraftSource.NGRAM);
  const overlap = draft !== undefined && overlaps(target, draft, wanted);
  const draftDevices = draft === undefined ? [] : layerDevices(draft.loaded.placement);
  const limits = { maxDraftTokens, minDraftTokens, minDraftProbability };
  return {
    spec: {
      ...limits,
      fixed,
      ngram,
      overlap,
      ...(wanted.synthetic === undefined ? {} : { synthetic: wanted.synthetic }),
    },
    effective: {
      active: true,
      offReason: SpeculationOffReason.UNSPECIFIED,
      detail: '',
      mode: fixed ? SpeculationMode.FIXED : SpeculationMode.AUTO,
      draftModel: draft?.name ?? '',
      sources: [
        ...(draft === undefined ? [] : [DraftSource.DRAFT_MODEL]),
        ...(ngram ? [DraftSource.NGRAM] : []),
      ],
      ...limits,
      overlap,
      targetDevices: layerDevices(target.loaded.placement),
      draftDevices,
    },
  };
}

/** AUTO overlaps where the two compute apart. */
function overlaps(target: ReadyModel, draft: ReadyModel, { overlap }: WantedSpeculation): boolean {
  if (overlap !== 'auto') return overlap === 'on';
  return computeApart(target.loaded.placement, draft.loaded.placement);
}

function plain(
  target: ReadyModel,
  offReason: SpeculationOffReason,
  detail: string,
): DecidedSpeculation {
  return {
    spec: {
      maxDraftTokens: 0,
      minDraftTokens: 0,
      minDraftProbability: 0,
      fixed: true,
      ngram: false,
      overlap: false,
    },
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
      targetDevices: layerDevices(target.loaded.placement),
      draftDevices: [],
    },
  };
}
