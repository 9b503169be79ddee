import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { largest, massOf, weight } from '../../../server/src/engine/sampling/weight.js';

describe('the weight of a score', () => {
  it('is e to its distance from the best', () => {
    fc.assert(
      fc.property(fc.double({ min: -707, max: 0, noNaN: true }), x => {
        expect(Math.abs(weight(x) / Math.exp(x) - 1)).toBeLessThan(3e-14);
      }),
      { seed: 1, numRuns: 5_000 },
    );
  });

  it.each([
    [0, 1],
    [-0, 1],
    [-708, 0],
    [-1e300, 0],
    [-Infinity, 0],
    [NaN, 0],
  ])('of %d is exactly %d', (x, expected) => {
    expect(weight(x)).toBe(expected);
  });
});

describe('the mass of a row', () => {
  it('counts finite scores only', () => {
    const row = Float32Array.of(NaN, 2, -Infinity, 2, Infinity, 1);

    expect(largest(row)).toBe(2);
    expect(massOf(row, 2)).toBeCloseTo(2 + Math.exp(-1), 12);
  });
});
