import { learnCosts, learnOutcomes, type Learned } from './learning.js';
import { type FixedPlan, type Pace } from './pace.js';
import { type PacedStep } from './step.js';

/** Always as many tokens as there are, up to a fixed number. What its steps show serves the pair's streams of other paces. */
export class FixedPace implements Pace {
  readonly #tokens: number;
  readonly #learned: Learned;

  /** @param tokens to draft per step */
  constructor(tokens: number, learned: Learned) {
    this.#tokens = tokens;
    this.#learned = learned;
  }

  plan(): FixedPlan {
    return { kind: 'draft', planned: this.#tokens };
  }

  value(reach: readonly number[], limit: number): number {
    return reach.slice(0, this.#most(limit)).reduce((sum, chance) => sum + chance, 0);
  }

  choosePrefix(acceptances: readonly number[], limit: number): number {
    return Math.min(acceptances.length, this.#most(limit));
  }

  waits(acceptances: readonly number[], limit: number): boolean {
    return acceptances.length < this.#most(limit);
  }

  observeStep(step: PacedStep): void {
    if (step.draft !== undefined) this.#learned.draftCosts?.observe(step.draft);
    learnCosts(this.#learned, step);
    this.observeProposals(step);
  }

  observeProposals(told: Pick<PacedStep, 'bins' | 'agreed' | 'emitted'>): void {
    learnOutcomes(this.#learned.calibration, told);
  }

  observeShadow(): void {
    // It never drafts without verifying.
  }

  #most(limit: number): number {
    return Math.max(0, Math.min(limit, this.#tokens));
  }
}
