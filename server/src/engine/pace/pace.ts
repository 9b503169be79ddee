import { type PacedStep, type Plan, type ShadowOutcome } from './step.js';

/** To draft so many tokens, whatever they are worth. */
export interface FixedPlan {
  readonly kind: 'draft';
  readonly planned: number;
  readonly prices?: undefined;
}

/** How far a stream drafts. */
export interface Pace {
  /** Plans the next step, which may verify at most `limit` tokens. */
  plan(limit: number): Plan | FixedPlan;
  /** Worth of the best prefix of a draft, by the chance of each prefix. */
  value(reach: readonly number[], limit: number): number;
  /** How many of the proposed tokens to verify, by the chance of each. */
  choosePrefix(acceptances: readonly number[], limit: number): number;
  /** Whether to wait for one more from a draft that runs meanwhile, by the chance of each that is there. */
  waits(acceptances: readonly number[], limit: number): boolean;
  /** Takes what the step turned out to be. */
  observeStep(step: PacedStep): void;
  /** Takes what became of the proposals of a source that another was preferred to. */
  observeProposals(told: Pick<PacedStep, 'bins' | 'agreed' | 'emitted'>): void;
  /** Takes what the text came to say to a shadow draft. */
  observeShadow(outcome: ShadowOutcome): void;
}
