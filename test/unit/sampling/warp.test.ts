import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { Candidates } from '../../../server/src/engine/sampling/candidates.js';
import { type Filters, maxOf, warp } from '../../../server/src/engine/sampling/warp.js';
import { plainSpec } from './plain-spec.js';
import { referenceKept } from './reference-choice.js';

const halves = fc.integer({ min: -12, max: 12 }).map(n => n / 2);
// On a grid: values closer than rounding would let two ways of writing one sum differ.
const fine = fc.integer({ min: -30_000, max: 30_000 }).map(n => n / 1_024);
const broken = fc.constantFrom(NaN, -Infinity, Infinity);
const logit = fc.oneof(
  { weight: 6, arbitrary: halves },
  { weight: 6, arbitrary: fine },
  { weight: 1, arbitrary: fc.constantFrom(-1e30, -2_000, -700, 400) },
  { weight: 1, arbitrary: broken },
);
const row = fc
  .array(logit, { minLength: 1, maxLength: 60 })
  .filter(values => values.some(Number.isFinite))
  .map(values => Float32Array.from(values));
const share = fc.oneof(
  fc.constant(1),
  fc.constantFrom(0.1, 0.25, 0.5, 0.9, 0.95, 0.999_999_999),
  fc.double({ min: 0.001, max: 1, noNaN: true }),
);
const filters = fc.record({
  topK: fc.oneof(fc.constant(0), fc.integer({ min: 1, max: 70 })),
  typicalP: share,
  topP: share,
  minP: fc.oneof(fc.constant(0), fc.constant(1), fc.double({ min: 1e-12, max: 1, noNaN: true })),
});

function kept(scores: Float32Array, by: Filters): number[] {
  const set = new Candidates();
  warp(scores, by, set);
  return [...set.ids.subarray(0, set.count)];
}

const ascending = (ids: readonly number[]): number[] => [...ids].sort((a, b) => a - b);

describe('the filters of a row', () => {
  it('keep exactly what sorting the whole row would keep', () => {
    fc.assert(
      fc.property(row, filters, (scores, by) => {
        const expected = referenceKept([...scores], plainSpec(by));

        expect(ascending(kept(scores, by))).toEqual(ascending(expected));
      }),
      { seed: 4, numRuns: 6_000 },
    );
  });

  it('keep exactly that in flat rows too, whose mass is reached only after widening', () => {
    const flat = fc
      .array(fc.nat(4_096), { minLength: 300, maxLength: 400 })
      .map(values => Float32Array.from([...values.map(n => n / 4_096), 40, 20]));
    const wide = fc.record({
      topK: fc.constant(0),
      typicalP: fc.constantFrom(1, 0.9),
      topP: fc.constantFrom(1 - 1e-18, 1 - 2 ** -53, 1 - 1e-15),
      minP: fc.constantFrom(0, 1e-9, 1e-25),
    });
    fc.assert(
      fc.property(flat, wide, (scores, by) => {
        const expected = referenceKept([...scores], plainSpec(by));

        expect(ascending(kept(scores, by))).toEqual(ascending(expected));
      }),
      { seed: 5, numRuns: 60 },
    );
  });

  it('always keep at least one token, and its score is finite', () => {
    fc.assert(
      fc.property(row, filters, (scores, by) => {
        const ids = kept(scores, by);

        expect(ids.length).toBeGreaterThan(0);
        expect(ids.every(id => Number.isFinite(scores[id]))).toBe(true);
      }),
      { seed: 6, numRuns: 1_000 },
    );
  });

  it('keep nothing of a row without a finite score', () => {
    const scores = Float32Array.of(NaN, Infinity, -Infinity);
    const off = { topK: 0, typicalP: 1, topP: 1, minP: 0 };
    const settings = [off, { ...off, minP: 0.5 }, { ...off, topK: 2 }, { ...off, topP: 0.5 }];

    for (const by of [...settings, { ...off, typicalP: 0.5 }]) expect(kept(scores, by)).toEqual([]);
  });

  it('give ties at the top-k cut to the lower ids', () => {
    const scores = Float32Array.of(1, 2, 1, 3, 1, 1);

    expect(kept(scores, { topK: 4, typicalP: 1, topP: 1, minP: 0 })).toEqual([3, 1, 0, 2]);
  });

  it('count a top-p mass reached exactly as reached', () => {
    const scores = Float32Array.of(0, 0, 0, 0);

    expect(kept(scores, { topK: 0, typicalP: 1, topP: 0.5, minP: 0 })).toEqual([0, 1]);
  });

  it('let min-p look at the best of what is left, not of the row', () => {
    // Expected information is near that of the many, so typical drops the single best.
    const scores = Float32Array.from([3, ...Array.from({ length: 60 }, () => 0), -4]);

    const ids = kept(scores, { topK: 0, typicalP: 0.5, topP: 1, minP: 0.9 });

    expect(ids).not.toContain(0);
    expect(ids.length).toBeGreaterThan(30);
  });

  it('can be used again with the same memory', () => {
    const set = new Candidates();
    const first = Float32Array.from({ length: 50 }, (_, i) => i);
    warp(first, { topK: 20, typicalP: 1, topP: 1, minP: 0 }, set);
    const second = Float32Array.of(5, 7, 6);

    warp(second, { topK: 2, typicalP: 1, topP: 1, minP: 0 }, set);

    expect([...set.ids.subarray(0, set.count)]).toEqual([1, 2]);
    expect(maxOf(second, set)).toBe(7);
  });
});
