import { geometricMean } from '../stats.js';
import { acceptanceOf, type AutoSummary, type GroupSummary } from './summary.js';
import { type Measurement, ofSetting } from './measurement.js';
import { pairName } from './pairs.js';
import { LIBRARY_SETS, type LibrarySet } from './settings.js';

/** A ratio and where it was measured. */
export interface Located {
  readonly ratio: number;
  readonly where: string;
}

/** AUTO on one library set, over all pairs and temperatures. */
export interface Totals {
  readonly libraries: LibrarySet;
  /** Geometric means. */
  readonly overPlain: number;
  readonly overBest: number;
  readonly overDefault: number;
  /** The lowest over own plain of any pair, temperature and class. */
  readonly worstOverPlain: Located;
  /** The lowest over the best of llama-server of any pair and temperature. */
  readonly worstOverBest: Located;
  /** The highest time to the first token over that of plain decoding. */
  readonly worstFirstToken: Located;
}

/** Share of drafted tokens accepted with three per step, good drafts, above temperature 0. */
export interface SampledAcceptance {
  readonly libraries: LibrarySet;
  readonly ours: number;
  readonly theirs: number;
}

/** Totals of each library set that was measured. */
export function totalsOf(groups: readonly GroupSummary[]): Totals[] {
  return LIBRARY_SETS.flatMap(libraries => {
    const found = groups.flatMap(group =>
      group.auto.filter(auto => auto.libraries === libraries).map(auto => ({ group, auto })),
    );
    return found.length === 0 ? [] : [totalsOfSet(libraries, found)];
  });
}

/** Acceptance of sampled text, where good drafts were measured above temperature 0. */
export function sampledAcceptance(measurements: readonly Measurement[]): SampledAcceptance[] {
  const sampled = measurements.filter(
    ({ turn }) => turn.pair.draft === 'good' && turn.temperature > 0,
  );
  const theirs = acceptanceOf(ofSetting(sampled, { server: 'llama-server', drafting: 3 }));
  return LIBRARY_SETS.flatMap(libraries => {
    const ours = acceptanceOf(ofSetting(sampled, { server: libraries, drafting: 3 }));
    return ours === undefined || theirs === undefined ? [] : [{ libraries, ours, theirs }];
  });
}

interface Found {
  readonly group: GroupSummary;
  readonly auto: AutoSummary;
}

function totalsOfSet(libraries: LibrarySet, found: readonly Found[]): Totals {
  const place = ({ group }: Found): string => `${pairName(group.pair)} at ${group.temperature}`;
  const classes = found.flatMap(one =>
    one.auto.overPlainByClass.map(({ promptClass, ratio }) => ({
      ratio,
      where: `${place(one)}, ${promptClass}`,
    })),
  );
  const firstTokens = found.map(one => ({ ratio: firstTokenOf(one), where: place(one) }));
  return {
    libraries,
    overPlain: geometricMean(found.map(({ auto }) => auto.overPlain)),
    overBest: geometricMean(found.map(({ auto }) => auto.overBest)),
    overDefault: geometricMean(found.map(({ auto }) => auto.overDefault)),
    worstOverPlain: extreme(classes, (a, b) => a < b),
    worstOverBest: extreme(
      found.map(one => ({ ratio: one.auto.overBest, where: place(one) })),
      (a, b) => a < b,
    ),
    worstFirstToken: extreme(firstTokens, (a, b) => a > b),
  };
}

function firstTokenOf({ group, auto }: Found): number {
  const summary = group.settings.find(
    ({ setting }) => setting.server === auto.libraries && setting.drafting === 'auto',
  );
  return summary?.firstTokenOverPlain ?? NaN;
}

function extreme(all: readonly Located[], isWorse: (a: number, b: number) => boolean): Located {
  return all.reduce((worst, one) => (isWorse(one.ratio, worst.ratio) ? one : worst));
}
