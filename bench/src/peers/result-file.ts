import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { quantile } from '../stats.js';
import { tokensPerSecond } from '../timed-completion.js';
import { type Equality } from './equality.js';
import { type Goal } from './goals.js';
import { type Measurement } from './measurement.js';
import { type PeersOptions } from './options.js';
import { pairName } from './pairs.js';
import { plotBars } from './plot.js';
import { settingName } from './settings.js';
import { type GroupSummary } from './summary.js';
import { type Totals } from './totals.js';

/** What was measured, on what, and what came of it. */
export interface PeersResult {
  readonly machine: { readonly cores: number; readonly cpu: string; readonly node: string };
  /** Commit of llama.cpp, of both sides. */
  readonly llamaCpp: string;
  readonly options: PeersOptions;
  readonly measurements: readonly Measurement[];
  readonly groups: readonly GroupSummary[];
  readonly totals: readonly Totals[];
  readonly equalities: readonly Equality[];
  readonly goals: readonly Goal[];
}

/** Writes `peers.json` and `peers.svg`, and returns their paths. */
export function writeResult(result: PeersResult): string[] {
  const { out } = result.options;
  mkdirSync(out, { recursive: true });
  const files: [string, string][] = [
    [join(out, 'peers.json'), `${JSON.stringify(plain(result), undefined, 1)}\n`],
    [join(out, 'peers.svg'), plotBars(result.groups)],
  ];
  for (const [path, text] of files) writeFileSync(path, text);
  return files.map(([path]) => path);
}

function plain({ options, measurements, groups, ...rest }: PeersResult): object {
  const { rounds, tokens, threads, classes, temperatures } = options;
  return {
    ...rest,
    options: { rounds, tokens, threads, classes, temperatures },
    groups: groups.map(({ pair, ...group }) => ({ pair: pairName(pair), ...group })),
    measurements: measurements.map(measurementLine),
  };
}

/** Without text and single pauses, which would make the file a hundred times as long. */
function measurementLine({ turn, setting, completion }: Measurement): object {
  const { pair, temperature, promptClass, round } = turn;
  const { firstTokenMs, gapsMs, drafts } = completion;
  return {
    ...{ pair: pairName(pair), temperature, promptClass, round, setting: settingName(setting) },
    tokensPerSecond: rounded(tokensPerSecond(completion)),
    firstTokenMs: rounded(firstTokenMs),
    gapP50Ms: rounded(quantile(gapsMs, 0.5)),
    gapP95Ms: rounded(quantile(gapsMs, 0.95)),
    ...drafts,
  };
}

function rounded(value: number): number {
  return Math.round(value * 100) / 100;
}
