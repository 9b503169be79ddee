import { alignColumns } from '../peers/table.js';
import { type Ledger } from './ledger.js';
import { type MemoryTrend } from './memory.js';
import { type SoakOptions } from './options.js';

/** What a soak has seen. */
export interface SoakReport {
  readonly options: SoakOptions;
  readonly counts: Ledger['counts'];
  readonly memory: readonly MemoryTrend[];
  /** Empty: all was well. */
  readonly violations: readonly string[];
}

const MOST_SHOWN = 20;

/** A report as text: calls by kind and ending, memory, and what went wrong. */
export function reportPage({ options, counts, memory, violations }: SoakReport): string {
  const calls = [...counts].flatMap(([kind, ways]) =>
    [...ways].map(([how, count]) => [kind, how, `${count}`]),
  );
  const trends = memory.map(({ process, before, after, growth }) => [
    process,
    mebibytes(before),
    mebibytes(after),
    `${(growth * 100).toFixed(1)} %`,
  ]);
  const shown = violations.slice(0, MOST_SHOWN);
  const more = violations.length - shown.length;
  return [
    alignColumns([['kind', 'ending', 'calls'], ...calls.sort(byText)]),
    alignColumns([['process', 'after warm-up, MiB', 'at the end, MiB', 'growth'], ...trends]),
    [
      violations.length === 0
        ? `seed ${options.seed}: nothing was wrong`
        : `seed ${options.seed}: ${violations.length} violations`,
      ...shown.map(violation => `  ${violation}`),
      ...(more > 0 ? [`  and ${more} more`] : []),
    ].join('\n'),
  ].join('\n\n');
}

function byText(a: readonly string[], b: readonly string[]): number {
  return a.join(' ').localeCompare(b.join(' '));
}

function mebibytes(bytes: number): string {
  return (bytes / 1024 / 1024).toFixed(1);
}
