import { describe, expect, it } from '@jest/globals';
import { DraftSource } from '@outrider/sdk/proto';
import fc from 'fast-check';
import { type Draft, merge } from '../../../server/src/engine/drafts/merge.js';

const { DRAFT_MODEL, NGRAM } = DraftSource;
const probability = fc.double({ min: 0, max: 1, noNaN: true });
const drafts = fc
  .array(fc.tuple(fc.nat(1), probability), { maxLength: 8 })
  .map((tokens): Draft => ({
    ids: tokens.map(([id]) => id),
    acceptances: tokens.map(([, acceptance]) => acceptance),
  }));
/** Time of a pass over 1 to 32 rows, in any order of sizes: measured tables are not monotone. */
const costs = fc.array(fc.double({ min: 0, max: 3, noNaN: true }), {
  minLength: 32,
  maxLength: 32,
});

function reachOf({ acceptances }: Draft): number[] {
  let product = 1;
  return acceptances.map(acceptance => (product *= acceptance));
}

/** Expected tokens less the cost of the rows, of the best prefix. */
function valueBy(cost: readonly number[]): (reach: readonly number[]) => number {
  return reach => {
    let tokens = 1;
    let best = tokens - (cost[0] ?? 0);
    for (const [i, probable] of reach.entries()) {
      tokens += probable;
      best = Math.max(best, tokens - (cost[i + 1] ?? 0));
    }
    return best;
  };
}

const draft = (ids: readonly number[], ...acceptances: readonly number[]): Draft => ({
  ids,
  acceptances,
});
const freeRows = valueBy([]);

describe('merging the drafts of two sources', () => {
  it('is never worth less than any of them', () => {
    fc.assert(
      fc.property(drafts, drafts, drafts, costs, (model, copy, continuation, cost) => {
        const value = valueBy(cost);
        const continued = {
          ids: [...model.ids, ...continuation.ids],
          acceptances: [...model.acceptances, ...continuation.acceptances],
        };

        const merged = merge({ model, copy, continuation }, value);

        for (const one of [model, copy, continued])
          expect(merged.value).toBeGreaterThanOrEqual(value(reachOf(one)));
        expect(merged.value).toBe(value(merged.reach));
      }),
      { seed: 1, numRuns: 2_000 },
    );
  });

  it('is one of them, with one source and one acceptance per token', () => {
    fc.assert(
      fc.property(drafts, drafts, drafts, costs, (model, copy, continuation, cost) => {
        const merged = merge({ model, copy, continuation }, valueBy(cost));

        const { ids, sources, acceptances } = merged;
        expect([model.ids, copy.ids, [...model.ids, ...continuation.ids]]).toContainEqual(ids);
        expect(sources).toHaveLength(ids.length);
        expect(merged.reach).toEqual(reachOf(merged));
        expect(acceptances).toHaveLength(ids.length);
        expect(acceptances.every(acceptance => acceptance >= 0 && acceptance <= 1)).toBe(true);
      }),
      { seed: 2, numRuns: 2_000 },
    );
  });

  it('counts as the model’s exactly the tokens that begin the model’s proposals', () => {
    fc.assert(
      fc.property(drafts, drafts, drafts, costs, (model, copy, continuation, cost) => {
        const { ids, sources } = merge({ model, copy, continuation }, valueBy(cost));

        const differs = ids.findIndex((id, i) => id !== model.ids[i]);
        const shared = differs === -1 ? ids.length : differs;
        const ofModel = sources.filter(source => source === DRAFT_MODEL).length;
        expect(ofModel).toBe(shared);
        expect(sources.filter(source => source === NGRAM)).toHaveLength(ids.length - ofModel);
        expect(sources.lastIndexOf(DRAFT_MODEL)).toBe(ofModel - 1);
      }),
      { seed: 3, numRuns: 2_000 },
    );
  });

  it('appends the remainder of a copy that begins with the model’s proposals', () => {
    const merged = merge(
      { model: draft([1, 2], 0.9, 0.6), copy: draft([1, 2, 3, 4], 0.5, 0.8, 0.7, 0.6) },
      freeRows,
    );

    expect(merged).toMatchObject({
      ids: [1, 2, 3, 4],
      sources: [DRAFT_MODEL, DRAFT_MODEL, NGRAM, NGRAM],
      acceptances: [0.9, 0.8, 0.7, 0.6],
    });
  });

  it('takes the copy from where it differs, if it is worth more', () => {
    const merged = merge(
      { model: draft([1, 2], 0.9, 0.1), copy: draft([1, 3, 4], 0.5, 0.8, 0.7) },
      freeRows,
    );

    expect(merged).toMatchObject({ ids: [1, 3, 4], sources: [DRAFT_MODEL, NGRAM, NGRAM] });
  });

  it('does not let a long copy win that is likely wrong, where rows cost', () => {
    const copy = draft([7, 8, 9, 7, 8, 9], 0.3, 0.9, 0.9, 0.9, 0.9, 0.9);

    const merged = merge(
      { model: draft([1, 2], 0.9, 0.8), copy },
      valueBy([0, 0.3, 0.5, 0.7, 0.9, 1.1, 1.3]),
    );

    expect(merged).toMatchObject({ ids: [1, 2], sources: [DRAFT_MODEL, DRAFT_MODEL] });
  });

  it('goes on behind the model with a continuation', () => {
    const merged = merge(
      { model: draft([1], 0.9), copy: draft([], ...[]), continuation: draft([5], 0.5) },
      freeRows,
    );

    expect(merged).toMatchObject({ ids: [1, 5], sources: [DRAFT_MODEL, NGRAM], value: 2.35 });
  });

  it('is the copy where there is no model, and the model’s where both are worth the same', () => {
    const copy = draft([4], 0.5);

    expect(merge({ model: draft([]), copy }, freeRows).sources).toEqual([NGRAM]);
    expect(merge({ model: draft([3], 0.5), copy }, freeRows).ids).toEqual([3]);
    expect(merge({ model: draft([]), copy: draft([]) }, freeRows)).toMatchObject({
      ids: [],
      value: 1,
    });
  });

  it('refuses a draft that has not one acceptance per token', () => {
    const copy = draft([]);

    expect(() => merge({ model: draft([1, 2], 0.5), copy }, freeRows)).toThrow(
      new RangeError('a draft of 2 tokens has 1 acceptances'),
    );
  });
});
