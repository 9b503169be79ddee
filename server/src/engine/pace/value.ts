/**
 * What a stream gives for time, so that both threads of a pair decide alike. Everything is in tokens: time is worth what
 * the stream makes of it elsewhere, its present rate (renewal-reward; the goodput of TurboSpec, 2406.14066, per token).
 */
export interface Prices {
  /**
   * Index m, 0 to the most that may be verified: tokens lost by a pass that verifies m drafted tokens instead of none.
   * Infinity where no pass should have that many rows; the last one is always finite.
   */
  readonly verify: readonly number[];
  /** Tokens lost by one further draft step. */
  readonly draft: number;
  /** Chance that a drafted token of unknown confidence is accepted when all before it were. */
  readonly meanAcceptance: number;
  /** The same by confidence bin. */
  readonly acceptance: readonly number[];
}

/** Lower edges of the confidence bins. */
const edges = [0.5, 0.6, 0.7, 0.8, 0.88, 0.93, 0.965, 0.985, 0.995];

/** Middle of each confidence bin: the acceptance that a draft as sure as it should be would have. */
export const CONFIDENCE_MIDDLES: readonly number[] = edges.map(
  (edge, bin) => (edge + (edges[bin + 1] ?? 1)) / 2,
);

/** Bin of a draft's confidence in a token, the chance of the leader against the runner-up alone, 0.5 to 1. */
export function confidenceBin(confidence: number): number {
  let bin = 0;
  while (confidence >= (edges[bin + 1] ?? Infinity)) bin++;
  return bin;
}

/** Chance of each prefix from the chance of each token: `reach[k-1]` is the product of the first k. */
export function reachOf(acceptances: readonly number[]): number[] {
  let chance = 1;
  return acceptances.map(acceptance => (chance *= acceptance));
}

/** How many of the drafted tokens to verify; what they cost to draft no longer counts. */
export function bestVerify(reach: readonly number[], prices: Prices): number {
  return bestPlan(reach, prices, reach.length);
}

/** How many tokens to verify if drafting goes on as far as it pays, at most `limit`. Draft on iff more than there are. */
export function bestPlan(reach: readonly number[], prices: Prices, limit: number): number {
  return bestChoice(reach, prices, limit).count;
}

/** Tokens won over a plain step by the best prefix of a draft that is there; 0 where none pays. */
export function prefixValue(reach: readonly number[], prices: Prices): number {
  return bestChoice(reach, prices, reach.length).value;
}

/** A number of tokens to verify, and what it wins over a plain step, in tokens. */
export interface Choice {
  readonly count: number;
  readonly value: number;
}

/**
 * The best number of tokens to verify, at most `limit`, of a draft that may still be prolonged: none is worth 0. It looks
 * ahead over all lengths, because the first drafted row is the dear one: a rule that asks for one more token at a time
 * stops at none. `limit` itself is open to any count, at the price of the next count above it that has one: where a
 * stream ends, or a draft, there is no better.
 * @param reach `reach[k-1]` is the chance that the first k drafted tokens are all accepted
 */
export function bestChoice(reach: readonly number[], prices: Prices, limit: number): Choice {
  const { verify, draft, meanAcceptance } = prices;
  const top = Math.min(limit, verify.length - 1);
  let count = 0;
  let value = 0;
  let won = 0;
  let chance = 1;
  for (let m = 1; m <= top; m++) {
    const drafted = reach[m - 1];
    chance = drafted ?? chance * meanAcceptance;
    won += drafted === undefined ? chance - draft : chance;
    const net = won - (m === top ? priceOfAny(m, verify) : (verify[m] ?? Infinity));
    if (net > value) {
      value = net;
      count = m;
    }
  }
  return { count, value };
}

function priceOfAny(m: number, verify: readonly number[]): number {
  let at = m;
  while (at < verify.length - 1 && verify[at] === Infinity) at++;
  return verify[at] ?? Infinity;
}
