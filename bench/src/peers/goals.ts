import { type Located, type SampledAcceptance, type Totals } from './totals.js';

/** A figure to be reached, and what was measured. */
export interface Goal {
  readonly name: string;
  readonly wanted: string;
  readonly measured: string;
  readonly met: boolean;
}

/** The goals of speculation: those against llama-server hold on its own libraries and are only told for others. */
export function goalsOf(totals: readonly Totals[], sampled: readonly SampledAcceptance[]): Goal[] {
  return [
    ...totals.flatMap(goalsOfSet),
    ...sampled.map(({ libraries, ours, theirs }) => ({
      name: `${libraries}: acceptance of good drafts when sampling, above llama-server's`,
      wanted: '>= 5 points',
      measured: `${points(ours - theirs)} (${points(ours)} and ${points(theirs)})`,
      met: ours - theirs >= 0.05,
    })),
  ];
}

function goalsOfSet(totals: Totals): Goal[] {
  const { libraries, overBest, overDefault } = totals;
  return [
    least(`${libraries}: AUTO over own plain, worst class`, 0.98, totals.worstOverPlain),
    least(`${libraries}: AUTO over best of llama-server, worst`, 0.98, totals.worstOverBest),
    least(`${libraries}: AUTO over best of llama-server, mean`, 1.08, { ratio: overBest }),
    least(`${libraries}: AUTO over llama-server n_max 3, mean`, 1.25, { ratio: overDefault }),
    {
      name: `${libraries}: first token of AUTO over plain, worst`,
      wanted: '<= 1.05',
      measured: located(totals.worstFirstToken),
      met: totals.worstFirstToken.ratio <= 1.05,
    },
  ];
}

function least(name: string, wanted: number, measured: Partial<Located> & { ratio: number }): Goal {
  return {
    name,
    wanted: `>= ${wanted.toFixed(2)}`,
    measured: located(measured),
    met: measured.ratio >= wanted,
  };
}

function located({ ratio, where }: Partial<Located> & { ratio: number }): string {
  return ratio.toFixed(3) + (where === undefined ? '' : ` (${where})`);
}

function points(share: number): string {
  return (100 * share).toFixed(1);
}
