const budgetShare = 0.005;
const mostBudgetSteps = 20;
const streamShare = 0.01;
const streamSteps = 1;
const firstWait = 16;
const longestWait = 1024;

/** Time that a pair may spend on finding out whether drafting pays again: 0.5 % of what its parked streams take. */
export class ProbeBudget {
  #us = 0;

  /** Takes the time of a parked step. */
  earn(stepUs: number, plainUs: number): void {
    this.#us = Math.min(this.#us + budgetShare * stepUs, mostBudgetSteps * plainUs);
  }

  /** Whether a probe may cost that much. */
  affords(us: number): boolean {
    return us <= this.#us;
  }

  /** Takes what a probe is expected to cost. */
  spend(us: number): void {
    this.#us -= us;
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

  /** Whether a probe of that cost is due. */
  due(costUs: number, plainUs: number): boolean {
    const bearable = streamShare * this.#elapsedUs + streamSteps * plainUs;
    return (
      this.#tokens >= this.#wait &&
      this.#spentUs + costUs <= bearable &&
      this.#budget.affords(costUs)
    );
  }

  /** Takes a probe that begins now. */
  begin(costUs: number): void {
    this.#tokens = 0;
    this.#spentUs += costUs;
    this.#budget.spend(costUs);
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
