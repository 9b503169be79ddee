import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { Chooser, ChooserScratch } from '../../../server/src/engine/sampling/chooser.js';
import { softmax } from './chi-square.js';
import { plainSpec } from './plain-spec.js';
import { referenceChoice } from './reference-choice.js';

const SIZE = 24;
const vocab = { size: SIZE, eogIds: [2, 5] };
const logit = fc.oneof(
  // On a grid: values closer than rounding would let two ways of writing one sum differ.
  { weight: 10, arbitrary: fc.integer({ min: -12_000, max: 12_000 }).map(n => n / 1_024) },
  { weight: 4, arbitrary: fc.integer({ min: -3, max: 3 }) },
  { weight: 1, arbitrary: fc.constantFrom(NaN, -Infinity, Infinity) },
);
const row = fc
  .array(logit, { minLength: SIZE, maxLength: SIZE })
  .map(values => Float32Array.from(values));
const unit = (min: number): fc.Arbitrary<number> =>
  fc.oneof(fc.constant(1), fc.double({ min, max: 1, noNaN: true }));
const spec = fc.record({
  temperature: fc.oneof(fc.constantFrom(0, 1), fc.double({ min: 0.01, max: 4, noNaN: true })),
  topK: fc.nat(SIZE + 2),
  topP: unit(0.01),
  minP: fc.oneof(fc.constantFrom(0, 1), fc.double({ min: 0.0001, max: 1, noNaN: true })),
  typicalP: unit(0.01),
  repetitionPenalty: fc.constantFrom(1, 1.3, 0.8),
  presencePenalty: fc.constantFrom(0, 0.5, -1),
  frequencyPenalty: fc.constantFrom(0, 0.25),
  penaltyLastN: fc.constantFrom(0, 3, 64),
  seed: fc.nat(),
  logitBias: fc.array(
    fc.record({ tokenId: fc.nat(SIZE - 1), bias: fc.constantFrom(-100, -101.5, -99, 0.5, 3) }),
    { maxLength: 5 },
  ),
  ignoreEos: fc.boolean(),
});
type Spec = Parameters<typeof referenceChoice>[1];

/** Scores after bias and penalties, from the definition. */
function biased(logits: Float32Array, by: Spec, tokens: readonly number[]): number[] {
  const window = by.penaltyLastN === 0 ? [] : tokens.slice(-by.penaltyLastN);
  return Array.from(logits, (given, id) => {
    if (by.ignoreEos && vocab.eogIds.includes(id)) return -Infinity;
    let score = given;
    for (const { tokenId, bias } of by.logitBias) {
      if (tokenId === id) score = bias <= -100 ? -Infinity : Math.fround(score + bias);
    }
    const count = window.filter(seen => seen === id).length;
    if (count === 0 || !Number.isFinite(score)) return score;
    const scaled = score > 0 ? score / by.repetitionPenalty : score * by.repetitionPenalty;
    return Math.fround(scaled - count * by.frequencyPenalty - by.presencePenalty);
  });
}

describe('a choice', () => {
  it('is what the definition says, for all settings together', () => {
    const tokens = fc.array(fc.nat(SIZE - 1), { maxLength: 8 });
    fc.assert(
      fc.property(row, spec, tokens, tokens, fc.nat(), (logits, by, prompt, output, pos) => {
        const chooser = new Chooser(by, vocab, prompt);
        for (const token of output) chooser.push(token);
        const scores = biased(logits, by, [...prompt, ...output]);
        fc.pre(scores.some(Number.isFinite));
        const expected = referenceChoice(scores, by, pos);

        expect(chooser.choose(logits, pos)).toBe(expected.token);
        expect(chooser.confidence).toBeCloseTo(expected.confidence, 9);
      }),
      { seed: 7, numRuns: 4_000 },
    );
  });

  it('changes neither the row nor a later choice', () => {
    fc.assert(
      fc.property(row, row, spec, (one, other, by) => {
        fc.pre(biased(one, by, [1]).some(Number.isFinite));
        fc.pre(biased(other, by, [1]).some(Number.isFinite));
        const before = one.slice();
        const chooser = new Chooser(by, vocab, [1]);

        const token = chooser.choose(one, 1);
        chooser.choose(other, 2);

        expect(chooser.choose(one, 1)).toBe(token);
        expect(one).toEqual(before);
      }),
      { seed: 8, numRuns: 500 },
    );
  });

  it('is the same whether working memory is shared with another stream or not', () => {
    const by = plainSpec({ topK: 7, repetitionPenalty: 1.4, logitBias: [{ tokenId: 3, bias: 2 }] });
    const scratch = new ChooserScratch();
    const shared = new Chooser(by, vocab, [4, 4], scratch);
    const neighbour = new Chooser({ ...by, topK: 3 }, vocab, [9], scratch);
    const own = new Chooser(by, vocab, [4, 4]);
    const rowAt = (pos: number): Float32Array =>
      Float32Array.from({ length: SIZE }, (_, id) => Math.sin(id * 7 + pos * 3) * 3);

    const choices = Array.from({ length: 50 }, (_, i) => {
      neighbour.choose(rowAt(i + 1_000), i);
      return [shared.choose(rowAt(i), i), own.choose(rowAt(i), i)];
    });

    expect(choices.map(([a]) => a)).toEqual(choices.map(([, b]) => b));
    expect(new Set(choices.flat()).size).toBeGreaterThan(5);
  });

  it('finds among many tokens the one that all exact scores would give', () => {
    const size = 20_000;
    const wide = { size, eogIds: [] };
    for (const temperature of [0.3, 1, 2]) {
      for (const minP of [0, 0.001]) {
        const by = plainSpec({ temperature, minP, seed: 11 });
        const chooser = new Chooser(by, wide, []);
        for (let pos = 0; pos < 8; pos++) {
          const logits = Float32Array.from(
            { length: size },
            (_, id) => 4 * Math.sin(id * (pos + 1.37)),
          );
          const expected = referenceChoice([...logits], by, pos);

          expect(chooser.choose(logits, pos)).toBe(expected.token);
          expect(chooser.confidence).toBeCloseTo(expected.confidence, 9);
        }
      }
    }
  });

  it('at temperature 0 is the best score, ties to the lowest id, whatever the filters', () => {
    const by = plainSpec({ temperature: 0, topK: 1, topP: 0.01, typicalP: 0.01, minP: 1 });
    const chooser = new Chooser(by, { size: 4, eogIds: [] }, []);

    expect(chooser.choose(Float32Array.of(1, 5, 5, 2), 0)).toBe(1);
    expect(chooser.confidence).toBe(0.5);
  });

  it('at a tiny temperature is the best score too', () => {
    const chooser = new Chooser(plainSpec({ temperature: 1e-310 }), { size: 3, eogIds: [] }, []);

    expect(chooser.choose(Float32Array.of(20, 20.000_002, 19), 0)).toBe(1);
  });

  it('at a tiny temperature is the best of what the filters keep, even where they drop the best of all', () => {
    const logits = Float32Array.from([3, ...Array.from({ length: 60 }, () => 0), 0.5]);
    const by = plainSpec({ temperature: 1e-310, typicalP: 0.7 });
    const chooser = new Chooser(by, { size: logits.length, eogIds: [] }, []);

    expect(chooser.choose(logits, 0)).toBe(61);
  });

  it('is certain where one token is left', () => {
    const chooser = new Chooser(plainSpec({ topK: 1 }), { size: 3, eogIds: [] }, []);

    expect(chooser.choose(Float32Array.of(1, 2, 0), 0)).toBe(1);
    expect(chooser.confidence).toBe(1);
  });

  it('is never a banned token: bias of -100 or less, or end of text where that is ignored', () => {
    const by = plainSpec({ logitBias: [{ tokenId: 0, bias: -100 }], ignoreEos: true });
    const chooser = new Chooser(by, { size: 4, eogIds: [1, 2] }, []);
    const logits = Float32Array.of(500, 400, 300, -1_000);

    expect(Array.from({ length: 20 }, (_, pos) => chooser.choose(logits, pos))).toEqual(
      Array.from({ length: 20 }, () => 3),
    );
  });

  it.each([
    ['NaN', [NaN, NaN, NaN]],
    ['infinities', [-Infinity, Infinity, -Infinity]],
    ['nothing but banned tokens', [-Infinity, NaN, 3]],
  ])('from a row of %s is refused', (_, values) => {
    for (const over of [
      { temperature: 0 },
      {},
      { minP: 0.1 },
      { topK: 2 },
      { topP: 0.5 },
      { typicalP: 0.5 },
    ]) {
      const by = plainSpec({ ...over, logitBias: [{ tokenId: 2, bias: -200 }] });
      const chooser = new Chooser(by, { size: 3, eogIds: [] }, []);

      expect(() => chooser.choose(Float32Array.from(values), 0)).toThrow('no finite logit');
    }
  });

  it('from a row of another length is refused', () => {
    const chooser = new Chooser(plainSpec(), vocab, []);

    expect(() => chooser.choose(new Float32Array(SIZE - 1), 0)).toThrow('23 logits');
  });

  it('cannot be set up with a bias outside the vocabulary', () => {
    const by = plainSpec({ logitBias: [{ tokenId: SIZE, bias: 1 }] });

    expect(() => new Chooser(by, vocab, [])).toThrow('token 24 is outside');
  });
});

describe('a chooser that takes tokens back', () => {
  it('chooses as one that never had them', () => {
    const ids = fc.array(fc.nat(SIZE - 1), { maxLength: 10 });
    fc.assert(
      fc.property(row, spec, ids, ids, ids, (logits, by, prompt, output, guesses) => {
        fc.pre(biased(logits, by, [...prompt, ...output]).some(Number.isFinite));
        const chooser = new Chooser(by, vocab, prompt);
        const fresh = new Chooser(by, vocab, prompt);
        for (const token of output) {
          chooser.push(token);
          fresh.push(token);
        }

        for (const token of guesses) chooser.push(token);
        chooser.truncate(prompt.length + output.length);

        expect(chooser.length).toBe(fresh.length);
        expect(chooser.choose(logits, 9)).toBe(fresh.choose(logits, 9));
      }),
      { seed: 9, numRuns: 500 },
    );
  });

  it('refuses to give up its prompt or tokens that it never had', () => {
    const chooser = new Chooser(plainSpec(), vocab, [1, 2, 3]);
    chooser.push(4);

    expect(() => chooser.truncate(2)).toThrow(RangeError);
    expect(() => chooser.truncate(5)).toThrow(RangeError);
  });
});

describe('the probability of a token', () => {
  it('is that of the whole row at temperature 1, after bias and penalties', () => {
    const by = plainSpec({ temperature: 0.2, topK: 1, logitBias: [{ tokenId: 0, bias: 2 }] });
    const chooser = new Chooser({ ...by, presencePenalty: 1 }, { size: 4, eogIds: [] }, [1]);
    const logits = Float32Array.of(0.5, 1, -1, NaN);

    const expected = softmax([2.5, 0, -1]);

    expect(chooser.probabilityOf(logits, 0)).toBeCloseTo(expected[0] ?? NaN, 12);
    expect(chooser.probabilityOf(logits, 2)).toBeCloseTo(expected[2] ?? NaN, 12);
    expect(chooser.probabilityOf(logits, 3)).toBe(0);
    expect(() => chooser.probabilityOf(logits, 4)).toThrow(RangeError);
  });
});
