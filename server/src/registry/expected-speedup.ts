import { type DecodeCost } from '@outrider/sdk/proto';

/** Share of drafted tokens that a usual pair accepts at each position. */
export const TYPICAL_ACCEPTANCE = 0.7;

const MOST_DRAFTED = 8;

/**
 * Speed of speculation against plain decoding at the best draft length, from measured costs.
 * @returns undefined where the costs of either model are not known
 */
export function expectedSpeedup(
  target: readonly DecodeCost[],
  draft: readonly DecodeCost[],
): number | undefined {
  const plainUs = costOf(target, 1);
  const draftUs = costOf(draft, 1);
  if (plainUs === undefined || draftUs === undefined) return undefined;
  const speedups = Array.from({ length: MOST_DRAFTED }, (_, i) => i + 1).flatMap(drafted => {
    const verifyUs = costOf(target, drafted + 1);
    if (verifyUs === undefined) return [];
    const emitted = (1 - TYPICAL_ACCEPTANCE ** (drafted + 1)) / (1 - TYPICAL_ACCEPTANCE);
    return [(emitted * plainUs) / (verifyUs + drafted * draftUs)];
  });
  // A slow target is measured for a single row only, which says nothing about verification.
  return speedups.length === 0 ? undefined : Math.max(...speedups);
}

/** Microseconds of a pass, between measured points; undefined outside of them. */
function costOf(costs: readonly DecodeCost[], rows: number): number | undefined {
  const exact = costs.find(cost => cost.rows === rows);
  if (exact !== undefined) return exact.durationUs;
  const lower = costs.filter(cost => cost.rows < rows).at(-1);
  const upper = costs.find(cost => cost.rows > rows);
  if (lower === undefined || upper === undefined) return undefined;
  const share = (rows - lower.rows) / (upper.rows - lower.rows);
  return lower.durationUs + share * (upper.durationUs - lower.durationUs);
}
