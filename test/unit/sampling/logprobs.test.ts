import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import {
  logNormaliser,
  tokenLogprob,
  topLogprobs,
} from '../../../server/src/engine/sampling/logprobs.js';

const row = fc
  .array(
    fc.oneof(
      { weight: 8, arbitrary: fc.float({ min: -50, max: 50, noNaN: true }) },
      { weight: 3, arbitrary: fc.integer({ min: -2, max: 2 }) },
      { weight: 1, arbitrary: fc.constantFrom(NaN, -Infinity, Infinity) },
    ),
    { minLength: 1, maxLength: 60 },
  )
  .filter(values => values.some(Number.isFinite))
  .map(values => Float32Array.from(values));

describe('log probabilities', () => {
  it('are those of the softmax over the finite logits, and add up to one', () => {
    fc.assert(
      fc.property(row, logits => {
        const finite = [...logits.keys()].filter(id => Number.isFinite(logits[id]));
        const max = Math.max(...finite.map(id => logits[id] ?? NaN));
        const mass = finite.reduce((sum, id) => sum + Math.exp((logits[id] ?? NaN) - max), 0);

        for (const id of finite) {
          expect(tokenLogprob(logits, id)).toBeCloseTo(
            (logits[id] ?? NaN) - max - Math.log(mass),
            10,
          );
        }
        const total = finite.reduce((sum, id) => sum + Math.exp(tokenLogprob(logits, id)), 0);
        expect(total).toBeCloseTo(1, 10);
      }),
      { seed: 11, numRuns: 300 },
    );
  });

  it('of the alternatives are those of a full sort, ties to the lower id', () => {
    fc.assert(
      fc.property(row, fc.nat(20), (logits, count) => {
        const expected = [...logits.keys()]
          .filter(id => Number.isFinite(logits[id]))
          .sort((a, b) => (logits[b] ?? 0) - (logits[a] ?? 0) || a - b)
          .slice(0, count)
          .map(id => ({ id, logprob: tokenLogprob(logits, id) }));

        expect(topLogprobs(logits, count)).toEqual(expected);
      }),
      { seed: 12, numRuns: 1_000 },
    );
  });

  it('come out the same with a normaliser worked out before', () => {
    const logits = Float32Array.of(1, 2, 3);
    const normaliser = logNormaliser(logits);

    expect(tokenLogprob(logits, 1, normaliser)).toBe(tokenLogprob(logits, 1));
    expect(topLogprobs(logits, 2, normaliser)).toEqual(topLogprobs(logits, 2));
  });

  it('of a token that cannot come are minus infinity', () => {
    expect(tokenLogprob(Float32Array.of(1, -Infinity), 1)).toBe(-Infinity);
    expect(tokenLogprob(Float32Array.of(1, NaN), 1)).toBe(-Infinity);
  });

  it('are refused for a token outside the row, a count outside 0 to 20, and a row without a finite logit', () => {
    const logits = Float32Array.of(1, 2);

    expect(() => tokenLogprob(logits, 2)).toThrow('outside the row of 2');
    expect(() => topLogprobs(logits, 21)).toThrow('0 to 20');
    expect(() => topLogprobs(logits, -1)).toThrow(RangeError);
    expect(() => logNormaliser(Float32Array.of(NaN, Infinity))).toThrow('no finite logit');
  });
});
