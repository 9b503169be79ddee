import { type Concession, ConcessionKind, type DecodeCost } from '@outrider/sdk/proto';
import { type Concessions, type PlanSettings, type Step } from './concessions.js';
import { expectedSpeedup, TYPICAL_ACCEPTANCE } from './expected-speedup.js';
import { type PlannedPair } from './plan.js';
import { type PlanMember } from './plan-member.js';
import { isReady } from './record.js';
import { type Shelf } from './shelf.js';

/** A concession as callers see it. */
export function concessionView(step: Step): Concession {
  const { kind, device, freedBytes, needed } = step;
  const mebibytes = (freedBytes / 2 ** 20).toFixed(1);
  const description = `${whatOf(step)}: frees ${mebibytes} MiB on ${device}`;
  return { kind, device, freedBytes, needed, description };
}

/** Expected speed against plain decoding; undefined where the costs of either model were not measured. */
export function payOf({ target, draft, loaded }: PlannedPair, shelf: Shelf): number | undefined {
  if (draft === undefined) return undefined;
  const own = target ? measuredCosts(target, shelf) : (loaded?.loaded.decodeCosts ?? []);
  return expectedSpeedup(own, measuredCosts(draft, shelf));
}

/** The reasoning in a few sentences. */
export function outlookOf(
  fits: boolean,
  { steps, fits: helped }: Concessions,
  pay: number | undefined,
  drafts: boolean,
): string {
  const needed = steps.filter(step => step.needed).map(step => whatOf(step));
  const memory = fits
    ? 'Everything fits as requested.'
    : helped
      ? `It does not fit as requested; it does after ${needed.join(', then ')}.`
      : `It does not fit, ${needed.length === 0 ? 'and nothing can be given up' : `not even after ${needed.join(', then ')}`}.`;
  if (!drafts) return memory;
  if (pay === undefined)
    return `${memory} Whether drafting pays is not known: load both models with calibration to measure it.`;
  return `${memory} With ${TYPICAL_ACCEPTANCE * 100} % of drafted tokens accepted, the measured costs give ${pay.toFixed(2)} times the plain speed.`;
}

/** Costs of a loaded model of the same file on the same devices. */
function measuredCosts({ spec }: PlanMember, shelf: Shelf): readonly DecodeCost[] {
  const devices = spec.placement.devices.join();
  const twin = shelf.records.find(
    record =>
      isReady(record) &&
      record.spec?.path === spec.path &&
      record.spec.placement.devices.join() === devices,
  );
  return twin?.loaded?.decodeCosts ?? [];
}

function whatOf({ kind, before, after }: Step): string {
  const change = (of: (settings: PlanSettings) => number | undefined): string =>
    `from ${of(before) ?? 0} to ${of(after) ?? 0}`;
  const model = ({ target, draft }: PlanSettings) => target ?? draft;
  switch (kind) {
    case ConcessionKind.DRAFT_LAYERS:
      return `draft layers on devices ${change(({ draft }) => draft?.layers)}`;
    case ConcessionKind.DRAFT_TO_CPU:
      return 'draft to CPU';
    case ConcessionKind.DRAFT_DROPPED:
      return 'no draft';
    case ConcessionKind.PARALLEL_SEQUENCES:
      return `sequences ${change(settings => model(settings)?.parallelSequences)}`;
    case ConcessionKind.TARGET_LAYERS:
      return `target layers on devices ${change(({ target }) => target?.layers)}`;
    case ConcessionKind.CONTEXT_LENGTH:
      return `context ${change(settings => model(settings)?.contextLength)}`;
    case ConcessionKind.UNSPECIFIED:
    case ConcessionKind.UNRECOGNIZED:
      throw new Error(`a concession of kind ${kind} was made`);
  }
}
