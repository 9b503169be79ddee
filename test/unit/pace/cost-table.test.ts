import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { CostTable, type PassCost } from '../../../server/src/engine/pace/cost-table.js';
import { passCosts } from './simulation.js';

const measured = passCosts('f32, 1');

function observeTimes(table: CostTable, times: number, rows: number, us: number): void {
  for (let i = 0; i < times; i++) table.observe(rows, us);
}

const anyTable: fc.Arbitrary<CostTable> = fc
  .record({
    costs: fc.uniqueArray(
      fc.record({
        rows: fc.integer({ min: 1, max: 40 }),
        durationUs: fc.integer({ min: 1, max: 1e6 }),
      }),
      { selector: cost => cost.rows, maxLength: 10 },
    ),
    mostRows: fc.integer({ min: 1, max: 80 }),
    passes: fc.array(fc.tuple(fc.integer({ min: 1, max: 80 }), fc.integer({ min: 1, max: 1e6 }))),
  })
  .map(({ costs, mostRows, passes }) => {
    const table = new CostTable(costs, mostRows);
    for (const [rows, us] of passes) table.observe(rows, us);
    return table;
  });

describe('a cost table', () => {
  it('begins with what was measured, and with lines between', () => {
    const table = new CostTable(measured, 33);

    for (const { rows, durationUs } of measured)
      expect(table.passUs(rows)).toBeCloseTo(durationUs, 6);
    expect(table.passUs(7)).toBeCloseTo((65_800 + 67_200) / 2, 6);
    expect(table.passUs(10)).toBeCloseTo((67_200 + 76_400) / 2, 6);
    expect(table.passUs(24)).toBeGreaterThan(table.passUs(16));
    expect(table.plainUs).toBe(23_700);
  });

  it('takes the shape of other targets where only few row counts were measured', () => {
    const slow = new CostTable(
      [
        { rows: 1, durationUs: 100_000 },
        { rows: 4, durationUs: 150_000 },
      ],
      33,
    );

    expect(slow.passUs(4)).toBe(150_000);
    expect(slow.passUs(8)).toBeGreaterThan(150_000);
    expect(slow.passUs(8)).toBeLessThan(400_000);
  });

  it('knows nothing until a first pass where nothing was measured', () => {
    const table = new CostTable([], 33);
    expect(table.known).toBe(false);

    table.observe(1, 20_000);

    expect(table.known).toBe(true);
    expect(table.plainUs).toBeCloseTo(20_000, 6);
    expect(table.passUs(4)).toBeCloseTo(38_800, 6);
  });

  it('learns from plain steps that the whole machine has become slower', () => {
    const table = new CostTable(measured, 33);

    observeTimes(table, 60, 1, 2 * 23_700);

    expect(table.plainUs / 23_700).toBeCloseTo(2, 1);
    expect(table.passUs(8) / 67_200).toBeGreaterThan(1.8);
  });

  it('learns from longer passes that rows are dearer, and hardly doubts the plain step', () => {
    const table = new CostTable(measured, 33);

    observeTimes(table, 40, 4, 2 * 42_700);

    expect(table.passUs(4) / 42_700).toBeCloseTo(2, 1);
    expect(table.passUs(8) / 67_200).toBeGreaterThan(1.2);
    expect(table.plainUs / 23_700).toBeLessThan(1.15);
  });

  it('is hardly moved by one interrupted pass', () => {
    const table = new CostTable(measured, 33);
    observeTimes(table, 20, 1, 23_700);

    table.observe(1, 100 * 23_700);

    expect(table.plainUs / 23_700).toBeLessThan(1.03);
  });

  it('counts a pass once, however many of its streams tell of it', () => {
    const one = new CostTable(measured, 33);
    const four = new CostTable(measured, 33);

    one.observe(4, 60_000);
    for (let stream = 0; stream < 4; stream++) four.observe(4, 60_000, 1 / 4);

    expect(four.passUs(4) / one.passUs(4)).toBeCloseTo(1, 1);
  });

  it('asks for a plain step when none was seen for long', () => {
    const table = new CostTable(measured, 33);
    observeTimes(table, 127, 4, 42_700);
    expect(table.plainDue).toBe(false);

    table.observe(4, 42_700);
    expect(table.plainDue).toBe(true);

    table.observe(1, 23_700);
    expect(table.plainDue).toBe(false);
  });

  it('allows no row count that a larger allowed one undercuts, and always 1 and the limit', () => {
    fc.assert(
      fc.property(anyTable, fc.integer({ min: 1, max: 64 }), (table, limit) => {
        const allowed = table.allowedRows(limit);

        expect(allowed[0]).toBe(1);
        expect(allowed.at(-1)).toBe(limit);
        expect(allowed).toEqual([...new Set(allowed)].sort((a, b) => a - b));
        const inner = allowed.slice(1, -1);
        for (const [i, rows] of inner.entries())
          for (const larger of inner.slice(i + 1))
            expect(table.passUs(larger)).toBeGreaterThan(1.02 * table.passUs(rows) - 1e-6);
      }),
    );
  });

  it('drops the second row of a target that runs three faster', () => {
    expect(new CostTable(passCosts('q8_0, 2'), 33).allowedRows(16)).toEqual([
      1, 3, 4, 5, 6, 8, 12, 16,
    ]);
  });

  it('stays finite and above zero whatever it is told', () => {
    fc.assert(
      fc.property(anyTable, fc.integer({ min: 1, max: 100 }), (table, rows) => {
        expect(Number.isFinite(table.passUs(rows))).toBe(true);
        expect(table.passUs(rows)).toBeGreaterThan(0);
      }),
    );
  });

  it('passes over measurements that are none', () => {
    const none: PassCost[] = [{ rows: 1, durationUs: 0 }];

    expect(new CostTable(none, 33).known).toBe(false);
  });
});
