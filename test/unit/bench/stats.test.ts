import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import {
  formatSpread,
  geometricMean,
  median,
  pairedRatios,
  quantile,
  spread,
} from '../../../bench/src/stats.js';

describe('a spread', () => {
  it('has the middle value and the quartiles, whatever the order', () => {
    expect(spread([5, 1, 4, 2, 3])).toEqual({ median: 3, lower: 2, upper: 4, count: 5 });
  });

  it('interpolates between neighbours', () => {
    expect(median([1, 2, 3, 10])).toBe(2.5);
    expect(quantile([10, 20], 0.25)).toBe(12.5);
  });

  it('of one measurement is that measurement', () => {
    expect(spread([7])).toEqual({ median: 7, lower: 7, upper: 7, count: 1 });
  });

  it('of nothing does not exist', () => {
    expect(() => spread([])).toThrow(RangeError);
  });

  it('is ordered and within the measurements', () => {
    const numbers = fc.array(fc.double({ noNaN: true, min: -1e6, max: 1e6 }), { minLength: 1 });
    fc.assert(
      fc.property(numbers, values => {
        const { lower, median: middle, upper } = spread(values);
        const order = [Math.min(...values), lower, middle, upper, Math.max(...values)];

        expect(order).toEqual([...order].sort((a, b) => a - b));
      }),
    );
  });

  it('reads as the middle with the quartiles behind it', () => {
    expect(formatSpread(spread([1, 2, 3]), 1)).toBe('2.0 (1.5-2.5)');
  });
});

describe('paired ratios', () => {
  it('divide each measurement by the one taken beside it', () => {
    expect(pairedRatios([2, 9], [1, 3])).toEqual([2, 3]);
  });

  it('refuse to pair unequal numbers', () => {
    expect(() => pairedRatios([1, 2], [1])).toThrow('2 measurements cannot be paired with 1');
  });
});

describe('a geometric mean', () => {
  it('cancels a ratio against its inverse', () => {
    expect(geometricMean([4, 0.25, 2, 0.5])).toBeCloseTo(1);
    expect(geometricMean([1, 8])).toBeCloseTo(2.828, 3);
  });

  it('of nothing does not exist', () => {
    expect(() => geometricMean([])).toThrow(RangeError);
  });
});
