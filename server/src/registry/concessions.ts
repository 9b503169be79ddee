import { ConcessionKind, PlanPolicy } from '@outrider/sdk/proto';
import { firstThat } from './first-that.js';

/** What of one model can be given up. */
export interface ModelSettings {
  /** Layers on devices; 0 keeps all of it on the CPU. */
  readonly layers: number;
  readonly contextLength: number;
  readonly parallelSequences: number;
}

/** The models of a plan; undefined for one that is not part of it. */
export interface PlanSettings {
  readonly target: ModelSettings | undefined;
  readonly draft: ModelSettings | undefined;
}

/** What settings need. */
export interface PlanNeed {
  readonly fits: boolean;
  readonly bytes: ReadonlyMap<string, number>;
  /** Devices that are short. */
  readonly short: ReadonlySet<string>;
}

/** One thing given up. */
export interface Step {
  readonly kind: ConcessionKind;
  /** Where most bytes are freed, short devices first. */
  readonly device: string;
  readonly freedBytes: number;
  /** False for the next one, which is not needed. */
  readonly needed: boolean;
  readonly before: PlanSettings;
  readonly after: PlanSettings;
}

/** Steps until the models fit, or all there are, and where they lead. */
export interface Concessions {
  readonly steps: readonly Step[];
  readonly settings: PlanSettings;
  readonly fits: boolean;
}

/**
 * Gives up as little as possible, kind after kind, until the models fit. A kind that frees nothing where it is short is
 * passed over.
 */
export async function concede(
  asked: PlanSettings,
  policy: PlanPolicy,
  needOf: (settings: PlanSettings) => Promise<PlanNeed>,
): Promise<Concessions> {
  let settings = asked;
  let need = await needOf(settings);
  const steps: Step[] = [];
  if (need.fits) return { steps, settings, fits: true };
  for (const kind of orderOf(policy)) {
    const before = settings;
    const choices = choicesOf(kind, settings);
    if (need.fits) {
      const [least] = choices;
      const step = least && stepOf(kind, before, least, { was: need, is: await needOf(least) });
      if (step === undefined) continue;
      steps.push({ ...step, needed: false });
      break;
    }
    const enough = await firstThat(choices, async choice => (await needOf(choice)).fits);
    // Fewer layers of a draft help only if they suffice: taking it off the devices comes next anyway.
    const most = kind === ConcessionKind.DRAFT_LAYERS ? undefined : choices.at(-1);
    const after = enough ?? most;
    if (after === undefined) continue;
    const is = await needOf(after);
    const step = stepOf(kind, before, after, { was: need, is });
    if (step === undefined) continue;
    steps.push(step);
    [settings, need] = [after, is];
  }
  return { steps, settings, fits: need.fits };
}

const DRAFT = [
  ConcessionKind.DRAFT_LAYERS,
  ConcessionKind.DRAFT_TO_CPU,
  ConcessionKind.DRAFT_DROPPED,
] as const;

function orderOf(policy: PlanPolicy): readonly ConcessionKind[] {
  const { PARALLEL_SEQUENCES, TARGET_LAYERS, CONTEXT_LENGTH } = ConcessionKind;
  if (policy === PlanPolicy.CONTEXT_FIRST)
    return [CONTEXT_LENGTH, PARALLEL_SEQUENCES, ...DRAFT, TARGET_LAYERS];
  return [...DRAFT, PARALLEL_SEQUENCES, TARGET_LAYERS, CONTEXT_LENGTH];
}

/** Every way to make a concession of a kind, from the least that is given up to the most. */
function choicesOf(kind: ConcessionKind, { target, draft }: PlanSettings): PlanSettings[] {
  switch (kind) {
    case ConcessionKind.DRAFT_LAYERS:
      if (draft === undefined) return [];
      return below(draft.layers, 1).map(layers => ({ target, draft: { ...draft, layers } }));
    case ConcessionKind.DRAFT_TO_CPU:
      if (draft === undefined || draft.layers === 0) return [];
      return [{ target, draft: { ...draft, layers: 0 } }];
    case ConcessionKind.DRAFT_DROPPED:
      return draft === undefined || target === undefined ? [] : [{ target, draft: undefined }];
    case ConcessionKind.TARGET_LAYERS:
      if (target === undefined) return [];
      return below(target.layers, 0).map(layers => ({ target: { ...target, layers }, draft }));
    case ConcessionKind.PARALLEL_SEQUENCES:
      return below((target ?? draft)?.parallelSequences ?? 0, 1).map(count => ({
        target: target && { ...target, parallelSequences: count },
        draft: draft && { ...draft, parallelSequences: Math.min(draft.parallelSequences, count) },
      }));
    case ConcessionKind.CONTEXT_LENGTH:
      return shorter((target ?? draft)?.contextLength ?? 0).map(length => ({
        target: target && { ...target, contextLength: length },
        draft: draft && { ...draft, contextLength: Math.min(draft.contextLength, length) },
      }));
    case ConcessionKind.UNSPECIFIED:
    case ConcessionKind.UNRECOGNIZED:
      return [];
  }
}

function below(value: number, least: number): number[] {
  return Array.from({ length: Math.max(0, value - least) }, (_, i) => value - 1 - i);
}

// llama.cpp rounds the cells of a cache up to a multiple of this.
const CELLS = 256;

function shorter(length: number): number[] {
  const multiples = Math.ceil(length / CELLS) - 1;
  return below(multiples + 1, 1).map(count => count * CELLS);
}

function stepOf(
  kind: ConcessionKind,
  before: PlanSettings,
  after: PlanSettings,
  { was, is }: { readonly was: PlanNeed; readonly is: PlanNeed },
): Step | undefined {
  const candidates = was.fits ? [...was.bytes.keys()] : [...was.short];
  const freed = candidates
    .map(device => ({ device, bytes: (was.bytes.get(device) ?? 0) - (is.bytes.get(device) ?? 0) }))
    .sort((a, b) => b.bytes - a.bytes);
  const [most] = freed;
  if (most === undefined || most.bytes <= 0) return undefined;
  return { kind, device: most.device, freedBytes: most.bytes, needed: true, before, after };
}
