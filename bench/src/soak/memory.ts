import { median } from '../stats.js';

/** Resident memory of a process through a soak. */
export interface MemoryTrend {
  readonly process: string;
  /** Median soon after the warm-up, in bytes. */
  readonly before: number;
  /** Median near the end, in bytes. */
  readonly after: number;
  /** `after` over `before`, less one. */
  readonly growth: number;
}

// What V8 and malloc take for a first while is no leak.
const WARM_UP = 1 / 3;
const WINDOW = 1 / 6;

/**
 * How memory went after the warm-up: the first sixth of a soak behind it against the last sixth.
 * @throws RangeError when there are fewer than 12 samples
 */
export function memoryTrend(process: string, samples: readonly number[]): MemoryTrend {
  const count = samples.length;
  if (count < 12) throw new RangeError(`${count} samples are too few to tell a leak`);
  const from = Math.floor(count * WARM_UP);
  const width = Math.floor(count * WINDOW);
  const before = median(samples.slice(from, from + width));
  const after = median(samples.slice(-width));
  return { process, before, after, growth: after / before - 1 };
}
