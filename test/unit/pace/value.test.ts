import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import {
  bestChoice,
  bestPlan,
  bestVerify,
  CONFIDENCE_MIDDLES,
  confidenceBin,
  prefixValue,
  type Prices,
  reachOf,
} from '../../../server/src/engine/pace/value.js';

const chance = fc.double({ min: 0, max: 1, noNaN: true });
const prices: fc.Arbitrary<Prices> = fc
  .record({
    steps: fc.array(fc.option(fc.double({ min: 0, max: 2, noNaN: true }), { nil: undefined }), {
      maxLength: 12,
    }),
    last: fc.double({ min: 0, max: 2, noNaN: true }),
    draft: fc.double({ min: 0, max: 1, noNaN: true }),
    meanAcceptance: chance,
  })
  .map(({ steps, last, draft, meanAcceptance }) => {
    let sum = 0;
    const verify = [undefined, ...steps, last].map((step, m) => {
      sum += step ?? 0;
      return m > 0 && step === undefined ? Infinity : sum;
    });
    return { verify, draft, meanAcceptance, acceptance: [] };
  });
const reach = fc.array(chance, { maxLength: 10 }).map(reachOf);

/** The value of a length as it is defined, term by term. */
function valueByDefinition(
  m: number,
  top: number,
  chances: readonly number[],
  { verify, draft, meanAcceptance }: Prices,
): number {
  if (m === 0) return 0;
  let sum = 0;
  for (let k = 1; k <= m; k++)
    sum +=
      k <= chances.length
        ? (chances[k - 1] ?? NaN)
        : (chances.at(-1) ?? 1) * meanAcceptance ** (k - chances.length);
  const price = m === top ? verify.slice(m).find(Number.isFinite) : verify[m];
  return sum - Math.max(0, m - chances.length) * draft - (price ?? Infinity);
}

describe('the best length of a draft', () => {
  it('has the largest value of all lengths that there may be', () => {
    fc.assert(
      fc.property(reach, prices, fc.nat(16), (chances, by, limit) => {
        const top = Math.min(limit, by.verify.length - 1);
        const values = Array.from({ length: top + 1 }, (_, m) =>
          valueByDefinition(m, top, chances, by),
        );

        const { count, value } = bestChoice(chances, by, limit);

        expect(count).toBeLessThanOrEqual(top);
        expect(value).toBeCloseTo(values[count] ?? NaN, 9);
        expect(value).toBeCloseTo(Math.max(...values), 9);
      }),
    );
  });

  it('to verify is at most what was drafted, and never worth less than a plain step', () => {
    fc.assert(
      fc.property(reach, prices, (chances, by) => {
        expect(bestVerify(chances, by)).toBeLessThanOrEqual(chances.length);
        expect(prefixValue(chances, by)).toBeGreaterThanOrEqual(0);
      }),
    );
  });

  it('shrinks as time gets dearer', () => {
    fc.assert(
      fc.property(
        reach,
        prices,
        fc.double({ min: 1, max: 5, noNaN: true }),
        (chances, by, factor) => {
          const dearer = { ...by, verify: by.verify.map(price => price * factor) };

          expect(bestVerify(chances, dearer)).toBeLessThanOrEqual(bestVerify(chances, by));
        },
      ),
    );
  });

  it('looks past a first row that does not pay by itself', () => {
    const steep = { verify: [0, 1.2, 1.3, 1.4], draft: 0.02, meanAcceptance: 0.8, acceptance: [] };

    expect(bestPlan([], steep, 1)).toBe(0);
    expect(bestPlan([], steep, 3)).toBe(3);
  });

  it('may be any count where the draft ends, at the price of the next count that has one', () => {
    const by = {
      verify: [0, 0.5, Infinity, Infinity, 0.9],
      draft: 0,
      meanAcceptance: 0,
      acceptance: [],
    };

    expect(bestVerify([0.9, 0.8, 0.7], by)).toBe(3);
    expect(prefixValue([0.9, 0.8, 0.7], by)).toBeCloseTo(2.4 - 0.9, 12);
  });
});

describe('a confidence bin', () => {
  it('holds every confidence from a half to one, in order', () => {
    fc.assert(
      fc.property(chance, chance, (a, b) => {
        const [low, high] = [Math.min(a, b), Math.max(a, b)];

        expect(confidenceBin(low)).toBeLessThanOrEqual(confidenceBin(high));
        expect(CONFIDENCE_MIDDLES[confidenceBin(high)]).toBeDefined();
      }),
    );
    expect(CONFIDENCE_MIDDLES.map(confidenceBin)).toEqual(CONFIDENCE_MIDDLES.map((_, bin) => bin));
    expect(confidenceBin(0.5)).toBe(0);
    expect(confidenceBin(1)).toBe(8);
  });
});
