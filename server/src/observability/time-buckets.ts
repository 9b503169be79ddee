/** Upper bounds in microseconds, from a pass of a tiny model to one of a large model on a CPU. */
export const STEP_BOUNDS_US: readonly number[] = [
  50, 100, 250, 500, 1_000, 2_500, 5_000, 10_000, 25_000, 50_000, 100_000, 250_000, 500_000,
  1_000_000, 2_500_000,
];

/**
 * Times sorted into buckets. Once per step and stream, beside the decoding itself, so it hashes no labels as a library's
 * histogram does (about a microsecond each); it is turned into one when somebody asks.
 */
export class TimeBuckets {
  /** Times in each bucket, not cumulative; the last one is above every bound. */
  readonly counts = new Float64Array(STEP_BOUNDS_US.length + 1);
  sumUs = 0;

  /** Times that were observed. */
  get count(): number {
    return this.counts.reduce((sum, count) => sum + count, 0);
  }

  observe(us: number): void {
    let bucket = 0;
    while (us > (STEP_BOUNDS_US[bucket] ?? Infinity)) bucket++;
    this.counts[bucket] = (this.counts[bucket] ?? 0) + 1;
    this.sumUs += us;
  }
}
