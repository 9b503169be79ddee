import { describe, expect, it } from '@jest/globals';
import { compareWithOwnPlain } from '../../../../bench/src/peers/equality.js';
import { goalsOf } from '../../../../bench/src/peers/goals.js';
import { plotBars } from '../../../../bench/src/peers/plot.js';
import { summarise } from '../../../../bench/src/peers/summary.js';
import { alignColumns, tablePage } from '../../../../bench/src/peers/table.js';
import { totalsOf } from '../../../../bench/src/peers/totals.js';
import { changed, measuredTurn, turnOf } from './measurements.js';

const MEASURED = [
  ...changed(
    measuredTurn(turnOf(), [10, 20, 15, 10, 24, 18, 16]),
    { server: 'same', drafting: 'auto' },
    { drafts: { drafted: 8, accepted: 6, steps: 2 } },
  ),
  ...measuredTurn(turnOf({ temperature: 0.8 }), [10, 8, 5, 10, 9, 8, 5]),
  ...measuredTurn(turnOf({ pair: { target: 'q8_0', draft: 'bad' } }), [70, 8, 5, 71, 72, 8, 5]),
];

describe('aligned columns', () => {
  it('are as wide as their widest cell, and end without blanks', () => {
    expect(
      alignColumns([
        ['a', 'bb', ''],
        ['aaa', 'b', 'c'],
      ]),
    ).toBe('a    bb\naaa  b   c');
  });
});

describe('the page of results', () => {
  const groups = summarise(MEASURED);
  const totals = totalsOf(groups);
  const page = tablePage(groups, totals, compareWithOwnPlain(MEASURED), goalsOf(totals, []));
  const cellsOf = (start: RegExp): string[] =>
    (page.split('\n').find(line => start.test(line)) ?? '').split(/ {2,}/);

  it('has a row per setting with its ratios', () => {
    expect(cellsOf(/^f32-good +0 +outrider auto/)).toEqual([
      'f32-good',
      '0',
      'outrider auto, same libraries',
      '24.0 (24.0-24.0)',
      '2.40',
      '1.20',
      '1.20',
      '0.75',
      '4.00',
      '100',
      '41.7',
      '41.7',
    ]);
    expect(page.match(/^f32-good .* (plain|n_max|auto|fixed)/gm)).toHaveLength(2 * (7 + 1));
  });

  it('has geometric means under them', () => {
    const overPlain = Math.cbrt((24 / 10) * (9 / 10) * (72 / 71));

    expect(cellsOf(/^mean/).slice(0, 4)).toEqual([
      'mean',
      'all',
      'outrider auto, same libraries',
      overPlain.toFixed(2),
    ]);
  });

  it('tells which setting of llama-server was the best, and whether texts are equal', () => {
    expect(cellsOf(/^q8_0-bad +0 +same/)).toEqual([
      'q8_0-bad',
      '0',
      'same',
      '1.01',
      'llama-server plain',
    ]);
    expect(cellsOf(/^outrider auto/)).toEqual([
      'outrider auto, same libraries',
      'outrider plain, same libraries',
      '1 of 1',
    ]);
  });
});

describe('the plot', () => {
  const svg = plotBars(summarise(MEASURED));

  it('has a bar per setting and group, as high as its median', () => {
    const bars = [...svg.matchAll(/height="([\d.]+)" fill="[^"]+"><title>([^<]+)</g)];

    expect(bars).toHaveLength(3 * 7);
    // The highest bar of the panel is 24; its scale ends at 40, its height is 190.
    expect(bars[4]?.slice(1)).toEqual(['114', 'outrider auto, same libraries: 24.0 tokens/s']);
  });

  it('keeps every panel within the picture', () => {
    const [, width, height] = (/viewBox="0 0 ([\d.]+) ([\d.]+)"/.exec(svg) ?? []).map(Number);
    const panels = [...svg.matchAll(/translate\(([\d.]+) ([\d.]+)\)/g)].map(found =>
      found.slice(1).map(Number),
    );

    expect(panels).toHaveLength(4);
    for (const [x = NaN, y = NaN] of panels) {
      expect(x + 430).toBeLessThanOrEqual(width ?? NaN);
      expect(y + 190 + 16).toBeLessThanOrEqual(height ?? NaN);
    }
  });

  it('closes what it opens', () => {
    for (const tag of ['svg', 'g', 'text', 'title']) {
      const opened = svg.match(new RegExp(`<${tag}[ >]`, 'g')) ?? [];
      expect(svg.match(new RegExp(`</${tag}>`, 'g'))).toHaveLength(opened.length);
    }
  });
});
