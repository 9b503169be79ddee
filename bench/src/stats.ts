/** Middle and spread of some measurements, in their unit. */
export interface Spread {
  readonly median: number;
  /** First quartile. */
  readonly lower: number;
  /** Third quartile. */
  readonly upper: number;
  readonly count: number;
}

/**
 * The value below which a share of the measurements lies, interpolated between neighbours.
 * @param share 0 to 1
 * @throws RangeError when there are none
 */
export function quantile(values: readonly number[], share: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  const position = (sorted.length - 1) * share;
  const below = sorted[Math.floor(position)];
  const above = sorted[Math.ceil(position)];
  if (below === undefined || above === undefined) throw new RangeError('no measurements');
  return below + (above - below) * (position - Math.floor(position));
}

/** Half of the measurements lie below it. */
export function median(values: readonly number[]): number {
  return quantile(values, 0.5);
}

/** Median and quartiles. */
export function spread(values: readonly number[]): Spread {
  return {
    median: median(values),
    lower: quantile(values, 0.25),
    upper: quantile(values, 0.75),
    count: values.length,
  };
}

/**
 * Quotients of measurements taken side by side: what slows both for a while cancels out.
 * @throws RangeError when the numbers of measurements differ
 */
export function pairedRatios(ours: readonly number[], theirs: readonly number[]): number[] {
  if (ours.length !== theirs.length) {
    throw new RangeError(`${ours.length} measurements cannot be paired with ${theirs.length}`);
  }
  return ours.map((value, i) => value / (theirs[i] ?? NaN));
}

/**
 * The mean of ratios: that of their logarithms.
 * @throws RangeError when there are none
 */
export function geometricMean(ratios: readonly number[]): number {
  if (ratios.length === 0) throw new RangeError('no measurements');
  return Math.exp(ratios.reduce((sum, ratio) => sum + Math.log(ratio), 0) / ratios.length);
}

/** A spread as `1.02 (1.01-1.04)`. */
export function formatSpread({ median: middle, lower, upper }: Spread, digits = 3): string {
  return `${middle.toFixed(digits)} (${lower.toFixed(digits)}-${upper.toFixed(digits)})`;
}
