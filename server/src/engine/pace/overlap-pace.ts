import { type PaceController } from './controller.js';
import { DraftCosts } from './draft-costs.js';
import { type Pace } from './pace.js';
import { type PaceSetup } from './pricing.js';
import { type PacedStep, type Plan, type ShadowOutcome } from './step.js';

/** A draft whose steps take none of the target's time, because it has a device of its own. */
export class FreeDraft extends DraftCosts {
  override stepUs(): number {
    return 0;
  }

  override feedUs(): number {
    return 0;
  }

  override readUs(): number {
    return 0;
  }

  override get askUs(): number {
    return 0;
  }
}

/** Where one draft step takes at most this share of a plain step, the target waits for any token that pays. */
const cheapDraft = 0.08;
/** Where it takes at least this share, a plain step is the better use of the time. */
const dearDraft = 0.15;

/**
 * The pace of a stream whose draft runs while the target verifies: drafting is free, waiting is not. The rule was found by
 * simulation: see docs/speculation.md.
 */
export class OverlapPace implements Pace {
  readonly #controller: PaceController;
  readonly #setup: Required<PaceSetup>;

  /**
   * @param controller one that was made with a `FreeDraft`
   * @param setup the same with the draft's real costs
   */
  constructor(controller: PaceController, setup: Required<PaceSetup>) {
    this.#controller = controller;
    this.#setup = setup;
  }

  plan(limit: number): Plan {
    return this.#controller.plan(limit);
  }

  value(reach: readonly number[], limit: number): number {
    return this.#controller.value(reach, limit);
  }

  choosePrefix(acceptances: readonly number[], limit: number): number {
    return this.#controller.choosePrefix(acceptances, limit);
  }

  waits(acceptances: readonly number[], limit: number): boolean {
    const drafted = acceptances.length;
    const { costs, draftCosts, calibration, maxDraftTokens } = this.#setup;
    if (drafted >= Math.min(limit, maxDraftTokens)) return false;
    const { plainUs } = costs;
    const stepUs = draftCosts.stepUs(plainUs);
    const share = stepUs / plainUs;
    if (share >= dearDraft) return false;
    const { rate } = this.#controller;
    const reach = acceptances.reduce((chance, acceptance) => chance * acceptance, 1);
    const gain = reach * calibration.meanAcceptance;
    if (share > cheapDraft) return gain * (1 - gain) >= rate * stepUs;
    const rowUs = costs.passUs(drafted + 2) - costs.passUs(drafted + 1);
    return gain >= rate * (stepUs + Math.max(0, rowUs));
  }

  observeStep(step: PacedStep): void {
    if (step.draft !== undefined) this.#setup.draftCosts.observe(step.draft);
    this.#controller.observeStep(step);
  }

  observeProposals(told: Pick<PacedStep, 'bins' | 'agreed' | 'emitted'>): void {
    this.#controller.observeProposals(told);
  }

  observeShadow(outcome: ShadowOutcome): void {
    this.#controller.observeShadow(outcome);
  }
}
