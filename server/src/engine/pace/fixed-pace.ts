import { type FixedPlan, type Pace } from './pace.js';

/** Always as many tokens as there are, up to a fixed number. */
export class FixedPace implements Pace {
  readonly #tokens: number;

  /** @param tokens to draft per step */
  constructor(tokens: number) {
    this.#tokens = tokens;
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

  observeStep(): void {
    // Nothing that it does depends on what happened.
  }

  observeProposals(): void {
    // It takes what is preferred by calibrations that stay as they are.
  }

  observeShadow(): void {
    // It never drafts without verifying.
  }

  #most(limit: number): number {
    return Math.max(0, Math.min(limit, this.#tokens));
  }
}
