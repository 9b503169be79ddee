const delaysMs = [200, 500, 1000, 2000, 5000, 10_000, 30_000];

/** How long to wait before a process that keeps dying is started again. */
export class BackOff {
  readonly #calmMs: number;
  readonly #now: () => number;
  #failures = 0;
  #lastMs = -Infinity;

  /**
   * @param calmMs time without a failure after which the first delay applies again
   * @param now monotonic clock in milliseconds
   */
  constructor(calmMs = 60_000, now: () => number = () => performance.now()) {
    this.#calmMs = calmMs;
    this.#now = now;
  }

  /** Counts a failure; returns the delay before the next start, in milliseconds. */
  failed(): number {
    const now = this.#now();
    if (now - this.#lastMs > this.#calmMs) this.#failures = 0;
    this.#lastMs = now;
    const delay = delaysMs[Math.min(this.#failures, delaysMs.length - 1)];
    this.#failures++;
    return delay ?? 0;
  }
}
