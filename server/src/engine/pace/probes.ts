const budgetShare = 0.005;
const firstBudgetSteps = 10;
const mostBudgetSteps = 20;
const streamShare = 0.01;
const streamSteps = 1;
const newPairSteps = 4;
const firstWait = 16;
const longestWait = 1024;

/**
 * Time that a pair may spend on finding out whether drafting pays: ten plain steps once, to get to know it, and 0.5 % of
 * what its parked streams take.
 */
export class ProbeBudget {
  #us: number | undefined;

  /** Takes the time of a parked step. */
  earn(stepUs: number, plainUs: number): void {
    const us = this.#left(plainUs) + budgetShare * stepUs;
    this.#us = Math.min(us, mostBudgetSteps * plainUs);
  }

  /** Whether a probe may cost that much. */
  affords(us: number, plainUs: number): boolean {
    return us <= this.#left(plainUs);
  }

  /** Takes what a probe is expected to cost. */
  spend(us: number, plainUs: number): void {
    this.#us = this.#left(plainUs) - us;
  }

  #left(plainUs: number): number {
    return this.#us ?? firstBudgetSteps * plainUs;
  }
}

/**
 * When a parked stream tries its draft again. Unspent budget of the pair is there for a new stream, so that a short one
 * with an easier text is found out; within a stream the wait doubles with each failure.
 */
export class Probes {
  readonly #budget: ProbeBudget;
  #wait = firstWait;
  #tokens = 0;
  #elapsedUs = 0;
  #spentUs = 0;

  constructor(budget: ProbeBudget) {
    this.#budget = budget;
  }

  /**
   * Takes a step, parked or not.
   * @param stepUs this stream's part of its time: a probe keeps all streams of a pass waiting
   */
  advance(tokens: number, stepUs: number, plainUs: number, parked: boolean): void {
    this.#elapsedUs += stepUs;
    if (!parked) return;
    this.#tokens += tokens;
    this.#budget.earn(stepUs, plainUs);
  }

  /**
   * Whether a probe of that cost is due.
   * @param unknown next to nothing is known of the pair: what is learned now serves all of its streams
   */
  due(costUs: number, plainUs: number, unknown: boolean): boolean {
    const steps = unknown ? newPairSteps : streamSteps;
    const bearable = streamShare * this.#elapsedUs + steps * plainUs;
    return (
      (unknown || this.#tokens >= this.#wait) &&
      this.#spentUs + costUs <= bearable &&
      this.#budget.affords(costUs, plainUs)
    );
  }

  /** Takes a probe that begins now. */
  begin(costUs: number, plainUs: number): void {
    this.#tokens = 0;
    this.#spentUs += costUs;
    this.#budget.spend(costUs, plainUs);
  }

  /** Takes its outcome: after a promising one the next may follow at once, for the draft is caught up. */
  end(promising: boolean): void {
    this.#wait = promising ? 0 : Math.min(longestWait, Math.max(firstWait, 2 * this.#wait));
  }

  /** Forgets failures, because the stream drafts again. */
  reset(): void {
    this.#wait = firstWait;
    this.#tokens = 0;
  }
}
