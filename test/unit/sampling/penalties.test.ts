import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { type Penalties, PenaltyWindow } from '../../../server/src/engine/sampling/penalties.js';

const SIZE = 6;
const token = fc.nat(SIZE - 1);
const penalties = fc.record({
  repetition: fc.double({ min: 0.5, max: 3, noNaN: true }),
  presence: fc.double({ min: -2, max: 2, noNaN: true }),
  frequency: fc.double({ min: -2, max: 2, noNaN: true }),
  lastN: fc.oneof(fc.nat(6), fc.constant(1_000)),
});
const logits = fc
  .array(fc.float({ min: -20, max: 20, noNaN: true }), { minLength: SIZE, maxLength: SIZE })
  .map(values => Float32Array.from(values));

/** The rule itself, counting from scratch. */
function penalised(row: Float32Array, tokens: readonly number[], by: Penalties): number[] {
  const window = by.lastN === 0 ? [] : tokens.slice(-by.lastN);
  return Array.from(row, (logit, id) => {
    const count = window.filter(seen => seen === id).length;
    if (count === 0) return logit;
    const scaled = logit > 0 ? logit / by.repetition : logit * by.repetition;
    return Math.fround(scaled - count * by.frequency - by.presence);
  });
}

function applied(window: PenaltyWindow, row: Float32Array): number[] {
  const scores = row.slice();
  window.apply(scores);
  return [...scores];
}

describe('the penalty window', () => {
  it('penalises the last tokens of prompt and output, each by its count', () => {
    fc.assert(
      fc.property(
        fc.array(token),
        fc.array(token),
        penalties,
        logits,
        (prompt, output, by, row) => {
          const window = new PenaltyWindow(by, prompt);

          for (const id of output) window.push(id);

          expect(applied(window, row)).toEqual(penalised(row, [...prompt, ...output], by));
        },
      ),
      { seed: 2, numRuns: 500 },
    );
  });

  it('is after any pushing and taking back what a fresh one over the same tokens is', () => {
    const move = fc.oneof(fc.record({ push: token }), fc.record({ back: fc.nat(9) }));
    fc.assert(
      fc.property(fc.array(token), fc.array(move), penalties, logits, (prompt, moves, by, row) => {
        const window = new PenaltyWindow(by, prompt);
        const tokens = [...prompt];

        for (const step of moves) {
          if ('push' in step) {
            tokens.push(step.push);
            window.push(step.push);
          } else {
            tokens.length = Math.max(prompt.length, tokens.length - step.back);
            window.truncate(tokens.length);
          }
        }

        expect(window.length).toBe(tokens.length);
        expect(applied(window, row)).toEqual(applied(new PenaltyWindow(by, tokens), row));
      }),
      { seed: 3, numRuns: 500 },
    );
  });

  it('grows past its first allocation', () => {
    const by = { repetition: 1, presence: 0, frequency: 1, lastN: 10_000 };
    const window = new PenaltyWindow(by, [0]);

    for (let i = 0; i < 2_000; i++) window.push(1);

    expect(applied(window, Float32Array.of(0, 0))).toEqual([-1, -2_000]);
  });

  it('leaves scores that are not finite alone and never makes one', () => {
    const by = { repetition: 1e-40, presence: 0, frequency: 0, lastN: 10 };
    const window = new PenaltyWindow(by, [0, 1, 2, 3]);

    const scores = applied(window, Float32Array.of(-Infinity, NaN, Infinity, 5));

    expect(scores.slice(0, 3)).toEqual([-Infinity, NaN, Infinity]);
    expect(scores[3]).toBeGreaterThan(1e38);
    expect(Number.isFinite(scores[3])).toBe(true);
  });

  it('refuses to take back the prompt, or more than there is', () => {
    const window = new PenaltyWindow(
      { repetition: 2, presence: 0, frequency: 0, lastN: 2 },
      [1, 2, 3],
    );
    window.push(4);

    expect(() => window.truncate(2)).toThrow(RangeError);
    expect(() => window.truncate(5)).toThrow('the prompt has 3, the stream 4');
  });
});
