const allowedShare = 0.01;
const allowedSteps = 4;
const leastAllowedSteps = 0.5;
const mostDebt = 8;
const mostSaved = 4;
const mostCredit = 20;
const firstOff = 64;
const longestOff = 1024;

/**
 * What speculation of a pair has cost beyond 1 % of the time, over all its streams of about one temperature, in plain
 * steps: without it, many short streams would each begin with a loss of their own.
 */
export class PairLosses {
  #debt = 0;

  /** Plain steps that a new stream may lose beside its 1 %. */
  get allowedSteps(): number {
    return Math.min(allowedSteps, Math.max(leastAllowedSteps, allowedSteps - this.#debt));
  }

  /** Whether a new stream begins without speculation, because the pair owes more than any stream is allowed. */
  get spent(): boolean {
    return this.#debt > allowedSteps;
  }

  /** Takes a step, in plain steps. Gains pay debts, and save up for one bad text, which is no reason to leave a good draft. */
  add(loss: number, elapsed: number): void {
    this.#debt = Math.min(
      mostDebt,
      Math.max(-mostSaved, this.#debt + loss - allowedShare * elapsed),
    );
  }
}

/** A step as the ledger sees it. */
export interface LedgerEntry {
  /** The stream's share of its time: with others in the pass they may not each lose 1 % of all of it. */
  readonly stepUs: number;
  /** How much longer it took than plain steps for the same tokens, in microseconds; below 0: shorter. */
  readonly lossUs: number;
  readonly emitted: number;
}

/**
 * What speculation has cost a stream against plain steps, from the clock: the guard against prices that are wrong. Losses
 * up to 1 % of the time and 4 plain steps, less what earlier streams of the pair have lost, are borne; gains are
 * remembered up to 20 plain steps. Beyond that speculation is off for 64 tokens, and for twice as long each further time
 * until it was worth its while.
 */
export class LossLedger {
  #lossUs = 0;
  #elapsedUs = 0;
  #offTokens = 0;
  #wait = firstOff;
  readonly #pair: PairLosses;
  readonly #allowedSteps: number;

  constructor(pair: PairLosses) {
    this.#pair = pair;
    this.#allowedSteps = pair.allowedSteps;
    if (pair.spent) this.#turnOff();
  }

  /** Whether nothing is to be drafted or verified for now. */
  get off(): boolean {
    return this.#offTokens > 0;
  }

  /**
   * Takes a step.
   * @param plainUs time of a plain step
   */
  add({ stepUs, lossUs, emitted }: LedgerEntry, plainUs: number): void {
    this.#elapsedUs += stepUs;
    this.#pair.add(lossUs / plainUs, stepUs / plainUs);
    this.#lossUs = Math.max(this.#lossUs + lossUs, -mostCredit * plainUs);
    this.#offTokens = Math.max(0, this.#offTokens - emitted);
    if (this.#lossUs < 0) this.#wait = firstOff;
    const borne = allowedShare * this.#elapsedUs + this.#allowedSteps * plainUs;
    // Only a new loss turns off: what was lost before may be more than the time since then allows.
    if (this.off || lossUs <= 0 || this.#lossUs <= borne) return;
    this.#turnOff();
  }

  #turnOff(): void {
    this.#offTokens = this.#wait;
    this.#wait = Math.min(longestOff, 2 * this.#wait);
  }
}
