import { type Token } from '@outrider/sdk';

/** Scores that are closer than this may change places between devices: their kernels sum in different orders. */
export const NEAR_TIE = 0.01;

/**
 * Why two greedy texts are not the same; undefined when they are, up to a near tie.
 * A first difference is accepted where the reference's two best tokens are within {@link NEAR_TIE}, and the second was taken.
 * @param reference asked for with at least two `logprobs`
 */
export function greedyDifference(
  tokens: readonly Token[],
  reference: readonly Token[],
): string | undefined {
  const at = tokens.findIndex(({ id }, i) => id !== reference[i]?.id);
  if (at === -1) return undefined;
  const [best, second] = reference[at]?.topLogprobs ?? [];
  if (best === undefined || second === undefined)
    return `token ${at} is ${tokens[at]?.id ?? '-'}, where the reference has no two candidates`;
  const gap = best.logprob - second.logprob;
  const said = `token ${at} is ${tokens[at]?.id ?? '-'} instead of ${best.id}, ${gap.toFixed(4)} above ${second.id}`;
  if (tokens[at]?.id !== second.id || gap > NEAR_TIE) return said;
  console.info(`a near tie: ${said}`);
  return undefined;
}
