import { type Learned } from './learning.js';
import { bestChoice, type Prices } from './value.js';

/** What a stream is paced by. */
export interface PaceSetup extends Learned {
  /** Most tokens to verify in one pass. */
  readonly maxDraftTokens: number;
}

/**
 * Prices of a step.
 * @param rate what time is worth, in tokens per microsecond
 * @param others rows that other streams have in the pass
 * @param most tokens that may be verified
 */
export function pricesAt(setup: PaceSetup, rate: number, others: number, most: number): Prices {
  const { costs, draftCosts, calibration } = setup;
  const withoutUs = costs.passUs(others + 1);
  const verify = new Array<number>(most + 1).fill(Infinity);
  for (const rows of costs.allowedRows(others + 1 + most))
    if (rows > others + 1)
      verify[rows - others - 1] = Math.max(0, rate * (costs.passUs(rows) - withoutUs));
  verify[0] = 0;
  return {
    verify,
    draft: rate * (draftCosts?.stepUs(costs.plainUs) ?? 0),
    meanAcceptance: calibration.meanAcceptance,
    acceptance: calibration.acceptances(),
  };
}

/**
 * Tokens won over a plain step by asking the draft for a first token and then doing what is best for its confidence.
 * Going by the mean acceptance instead would forgo the drafts that pay because they need not be verified.
 */
export function askValue(
  { calibration, draftCosts }: PaceSetup,
  prices: Prices,
  rate: number,
): number {
  const most = prices.verify.length - 1;
  let value = -prices.draft - rate * (draftCosts?.askUs ?? 0);
  const shares = calibration.firstShares();
  const reach = [0];
  for (let bin = 0; bin < shares.length; bin++) {
    reach[0] = prices.acceptance[bin] ?? 0;
    value += (shares[bin] ?? 0) * bestChoice(reach, prices, most).value;
  }
  return value;
}

/**
 * Tokens per microsecond that the best length should reach by mean acceptances: what a stream begins with, because one
 * that began at the plain rate would draft too much.
 * @param plainRate the least that is returned
 */
export function expectedRate(setup: PaceSetup, plainRate: number): number {
  const { costs, draftCosts, calibration, maxDraftTokens } = setup;
  if (draftCosts === undefined) return plainRate;
  const stepUs = draftCosts.stepUs(costs.plainUs);
  const fixedUs = draftCosts.askUs + (costs.overheadUs ?? 0);
  const shares = calibration.firstShares();
  let chance = shares.reduce((sum, share, bin) => sum + share * calibration.acceptanceOf(bin), 0);
  let tokens = 1;
  let best = plainRate;
  for (let m = 1; m <= maxDraftTokens; m++) {
    tokens += chance;
    chance *= calibration.meanAcceptance;
    best = Math.max(best, tokens / (costs.passUs(m + 1) + m * stepUs + fixedUs));
  }
  return best;
}
