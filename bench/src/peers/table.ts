import { formatSpread } from '../stats.js';
import { type Equality } from './equality.js';
import { type Goal } from './goals.js';
import { pairName } from './pairs.js';
import { settingName } from './settings.js';
import { type AutoSummary, type GroupSummary, type SettingSummary } from './summary.js';
import { type Totals } from './totals.js';

const HEAD = [
  'pair',
  'T',
  'setting',
  'tokens/s (quartiles)',
  '/ own plain',
  '/ best',
  '/ n_max 3',
  'accepted',
  'length',
  'first ms',
  'p50 ms',
  'p95 ms',
];

/** Everything on one page: a row per setting, geometric means, AUTO by class, equal texts, goals. */
export function tablePage(
  groups: readonly GroupSummary[],
  totals: readonly Totals[],
  equalities: readonly Equality[],
  goals: readonly Goal[],
): string {
  const rows = groups.flatMap(group =>
    group.settings.map(summary => [
      pairName(group.pair),
      `${group.temperature}`,
      ...settingCells(summary, group.auto),
    ]),
  );
  return [
    alignColumns([HEAD, ...rows, ...totals.map(meanCells)]),
    alignColumns(classTable(groups)),
    alignColumns(equalityTable(equalities)),
    alignColumns(goalTable(goals)),
  ].join('\n\n');
}

/** Rows as lines: columns as wide as their widest cell, the last one open. */
export function alignColumns(rows: readonly (readonly string[])[]): string {
  const widths: number[] = [];
  for (const row of rows) {
    row.forEach((cell, i) => {
      widths[i] = Math.max(widths[i] ?? 0, cell.length);
    });
  }
  return rows
    .map(row =>
      row
        .map((cell, i) => cell.padEnd(widths[i] ?? 0))
        .join('  ')
        .trimEnd(),
    )
    .join('\n');
}

function settingCells(summary: SettingSummary, autos: readonly AutoSummary[]): string[] {
  const { setting } = summary;
  const auto = autos.find(
    ({ libraries }) => setting.drafting === 'auto' && libraries === setting.server,
  );
  return [
    settingName(setting),
    formatSpread(summary.tokensPerSecond, 1),
    ratio(summary.overPlain),
    ratio(auto?.overBest),
    ratio(auto?.overDefault),
    ratio(summary.acceptance),
    ratio(summary.meanAcceptanceLength),
    summary.firstTokenMs.toFixed(0),
    summary.gapP50Ms.toFixed(1),
    summary.gapP95Ms.toFixed(1),
  ];
}

function meanCells({ libraries, overPlain, overBest, overDefault }: Totals): string[] {
  const name = settingName({ server: libraries, drafting: 'auto' });
  return ['mean', 'all', name, '', ratio(overPlain), ratio(overBest), ratio(overDefault)];
}

function classTable(groups: readonly GroupSummary[]): string[][] {
  const classes = groups[0]?.auto[0]?.overPlainByClass.map(({ promptClass }) => promptClass) ?? [];
  const rows = groups.flatMap(({ pair, temperature, auto }) =>
    auto.map(({ libraries, overPlainByClass, best }) => [
      pairName(pair),
      `${temperature}`,
      libraries,
      ...overPlainByClass.map(one => ratio(one.ratio)),
      settingName(best),
    ]),
  );
  return [['AUTO / own plain', 'T', 'libraries', ...classes, 'best of llama-server'], ...rows];
}

function equalityTable(equalities: readonly Equality[]): string[][] {
  const rows = equalities.map(({ setting, reference, texts, equal, partings }) => [
    settingName(setting),
    settingName(reference),
    `${equal} of ${texts}`,
    partings.slice(0, 3).join('; '),
  ]);
  return [['f32 texts at temperature 0', 'compared with', 'equal', 'first partings'], ...rows];
}

function goalTable(goals: readonly Goal[]): string[][] {
  const rows = goals.map(({ name, wanted, measured, met }) => [
    name,
    wanted,
    measured,
    met ? 'met' : 'not met',
  ]);
  return [['goal', 'wanted', 'measured', ''], ...rows];
}

function ratio(value: number | undefined): string {
  return value === undefined ? '' : value.toFixed(2);
}
