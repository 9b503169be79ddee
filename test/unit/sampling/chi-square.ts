/** Pearson's statistic of counts against expected counts. */
export function chiSquare(counts: readonly number[], expected: readonly number[]): number {
  return counts.reduce((sum, count, i) => {
    const mean = expected[i] ?? 0;
    return sum + (count - mean) ** 2 / mean;
  }, 0);
}

/**
 * The value that a chi-square statistic passes with chance 1e-4 (Wilson and Hilferty's approximation; within 0.5 %
 * from 5 degrees of freedom up).
 */
export function chiSquareLimit(degrees: number): number {
  const spread = 2 / (9 * degrees);
  return degrees * (1 - spread + 3.719 * Math.sqrt(spread)) ** 3;
}

/** Probabilities of a row of logits at a temperature, worked out the plain way. */
export function softmax(logits: ArrayLike<number>, temperature = 1): number[] {
  const scaled = Array.from(logits, logit => logit / temperature);
  const max = Math.max(...scaled);
  const weights = scaled.map(value => Math.exp(value - max));
  const mass = weights.reduce((sum, value) => sum + value, 0);
  return weights.map(value => value / mass);
}
