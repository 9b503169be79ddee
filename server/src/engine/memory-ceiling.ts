/** What is to be done about the memory of an engine process. */
export type MemoryVerdict = 'below' | 'above' | 'restart';

// An engine that is never idle may grow so far; then its streams are given up.
const hardFactor = 1.25;
// Models that alone need more than the ceiling must not be reloaded for ever.
const restartEveryMs = 600_000;

/**
 * Judges the resident memory of an engine process. Above the ceiling it is to be restarted once nothing runs in it, and a
 * quarter above at once; but not twice within ten minutes.
 */
export class MemoryCeiling {
  readonly #ceilingBytes: number;
  #restartedMs = -Infinity;

  /** @param ceilingBytes 0: none */
  constructor(ceilingBytes: number) {
    this.#ceilingBytes = ceilingBytes;
  }

  /**
   * @param bytes undefined where it cannot be read
   * @param idle nothing runs in the process
   * @param nowMs a monotonic clock
   */
  judge(bytes: number | undefined, idle: boolean, nowMs: number): MemoryVerdict {
    const ceiling = this.#ceilingBytes;
    if (ceiling === 0 || bytes === undefined || bytes <= ceiling) return 'below';
    const due = idle || bytes > ceiling * hardFactor;
    if (!due || nowMs - this.#restartedMs < restartEveryMs) return 'above';
    this.#restartedMs = nowMs;
    return 'restart';
  }
}
