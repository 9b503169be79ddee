import { describe, expect, it } from '@jest/globals';
import {
  MAX_NOISE,
  noiseAt,
  noiseBound,
  noiseKeys,
} from '../../../server/src/engine/sampling/gumbel.js';

function noise(s0: number, s1: number, pos: number, token: number): number {
  const keys = new Int32Array(2);
  noiseKeys(s0, s1, pos, keys);
  return noiseAt(keys[0] ?? 0, keys[1] ?? 0, token);
}

describe('the noise of a choice', () => {
  it.each([
    [1, 0, 0, 0, -0.496921408997],
    [1, 0, 1, 5, 0.985055171174],
    [42, 7, 1000, 31999, -1.448303168977],
  ])('of seed %i and %i at position %i for token %i is a fixed number', (s0, s1, pos, token, g) => {
    expect(noise(s0, s1, pos, token)).toBeCloseTo(g, 11);
  });

  it('is the same for a seed written signed or unsigned', () => {
    expect(noise(0xffff_fffe, 0, 3, 9)).toBe(noise(-2, 0, 3, 9));
  });

  it('changes with the seed, the choice index, the position and the token', () => {
    const values = [noise(1, 0, 0, 0), noise(2, 0, 0, 0), noise(1, 1, 0, 0), noise(1, 0, 1, 0)];

    expect(new Set([...values, noise(1, 0, 0, 1)]).size).toBe(5);
  });

  it('has the mean and the variance of a Gumbel number', () => {
    const draws = Array.from({ length: 200_000 }, (_, i) => noise(5, 0, i >> 4, i & 15));
    const mean = draws.reduce((sum, g) => sum + g, 0) / draws.length;
    const variance = draws.reduce((sum, g) => sum + (g - mean) ** 2, 0) / draws.length;

    expect(Math.abs(mean - 0.5772156649)).toBeLessThan(4 * Math.sqrt(1.6449 / draws.length));
    // The fourth central moment of a Gumbel number is 14.61, so that of the variance estimate is known.
    expect(Math.abs(variance - 1.644934)).toBeLessThan(
      4 * Math.sqrt((14.61 - 2.706) / draws.length),
    );
  });

  it('never exceeds its bound, and the bound is mostly tight', () => {
    const keys = new Int32Array(2);
    let worst = -Infinity;
    let slack = 0;
    const rows = 40;
    const tokens = 5_000;
    for (let pos = 0; pos < rows; pos++) {
      noiseKeys(9, 0, pos, keys);
      for (let token = 0; token < tokens; token++) {
        const g = noiseAt(keys[0] ?? 0, keys[1] ?? 0, token);
        const bound = noiseBound(keys[0] ?? 0, keys[1] ?? 0, token);
        worst = Math.max(worst, g - bound);
        if (bound - g > 1) slack++;
      }
    }

    expect(worst).toBeLessThanOrEqual(0);
    expect(noiseBound(keys[0] ?? 0, keys[1] ?? 0, 0)).toBeLessThanOrEqual(MAX_NOISE);
    expect(slack / (rows * tokens)).toBeLessThan(0.001);
  });
});
