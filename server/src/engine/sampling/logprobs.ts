import { largest, massOf } from './weight.js';

/** Most alternatives that can be asked for. */
export const MAX_ALTERNATIVES = 20;

/** A token with its natural log probability. */
export interface Alternative {
  readonly id: number;
  readonly logprob: number;
}

/**
 * What to subtract from a logit of a row to have its log probability. Logits that are not finite weigh nothing.
 * @throws Error where no logit is finite
 */
export function logNormaliser(row: Float32Array): number {
  const max = largest(row);
  if (max === -Infinity) throw new Error('no log probabilities: the row has no finite logit');
  return max + Math.log(massOf(row, max));
}

/**
 * Natural log probability of a token in the untouched row; -Infinity where its logit is not finite.
 * @param normaliser of the row. @default computed
 * @throws RangeError where the token is outside the row
 */
export function tokenLogprob(
  row: Float32Array,
  token: number,
  normaliser: number = logNormaliser(row),
): number {
  const logit = row[token];
  if (logit === undefined) {
    throw new RangeError(`token ${token} is outside the row of ${row.length} logits`);
  }
  return Number.isFinite(logit) ? logit - normaliser : -Infinity;
}

/**
 * The most likely tokens of the untouched row, best first, ties to the lower id; fewer where fewer logits are finite.
 * @param count 0 to 20
 * @param normaliser of the row. @default computed
 * @throws RangeError where the count is outside its range
 */
export function topLogprobs(
  row: Float32Array,
  count: number,
  normaliser: number = logNormaliser(row),
): Alternative[] {
  if (!(Number.isInteger(count) && count >= 0 && count <= MAX_ALTERNATIVES)) {
    throw new RangeError(`${count} alternatives asked for; 0 to ${MAX_ALTERNATIVES} are possible`);
  }
  if (count === 0) return [];
  const best: { id: number; logit: number }[] = [];
  let least = -Infinity;
  for (let id = 0; id < row.length; id++) {
    const logit = row[id] ?? NaN;
    if (!(logit > least && logit < Infinity)) continue;
    // Equal logits stay behind those with lower ids.
    const at = best.findIndex(entry => logit > entry.logit);
    best.splice(at === -1 ? best.length : at, 0, { id, logit });
    if (best.length > count) best.pop();
    if (best.length === count) least = best[count - 1]?.logit ?? least;
  }
  return best.map(({ id, logit }) => ({ id, logprob: logit - normaliser }));
}
