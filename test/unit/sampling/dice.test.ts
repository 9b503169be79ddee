import { describe, expect, it } from '@jest/globals';
import { BonusToken } from '@outrider/sdk/proto';
import fc from 'fast-check';
import { AcceptanceDice } from '../../../server/src/engine/sampling/dice.js';
import { walkByDice } from '../../../server/src/engine/sampling/walk.js';

const rows = 20_000;

describe('the dice of synthetic acceptance', () => {
  it.each([0.05, 0.5, 0.8, 0.99])('accept at a rate of %d as often as that', rate => {
    const spread = 4 * Math.sqrt((rate * (1 - rate)) / rows);
    for (const seed of [0, 7, 2 ** 32 - 1]) {
      const dice = new AcceptanceDice([rate], seed);
      const accepted = Array.from({ length: rows }, (_, pos) => dice.accepts(0, pos));

      expect(Math.abs(accepted.filter(Boolean).length / rows - rate)).toBeLessThan(spread);
    }
  });

  it('never accept at 0, and always at 1', () => {
    const dice = new AcceptanceDice([0, 1], 3);
    for (let pos = 0; pos < rows; pos++)
      expect([dice.accepts(0, pos), dice.accepts(1, pos)]).toEqual([false, true]);
  });

  it('go by the last rate beyond it', () => {
    const [short, long] = [new AcceptanceDice([0.9, 0.4], 5), new AcceptanceDice([0.4], 5)];
    for (let pos = 0; pos < 200; pos++) expect(short.accepts(6, pos)).toBe(long.accepts(0, pos));
  });

  it('fall alike for the same seed and position, and at others independently', () => {
    const fall = (seed: number, shift: number): boolean[] =>
      Array.from({ length: rows }, (_, pos) =>
        new AcceptanceDice([0.5], seed).accepts(0, pos + shift),
      );
    const first = fall(1, 0);

    expect(fall(1, 0)).toEqual(first);
    for (const other of [fall(2, 0), fall(1, 1), fall(1, 7)]) {
      const alike = other.filter((accepted, pos) => accepted === first[pos]).length / rows;
      expect(Math.abs(alike - 0.5)).toBeLessThan(4 * Math.sqrt(0.25 / rows));
    }
  });
});

describe('a walk by dice', () => {
  const END = 9;

  it('accepts up to the first die that is against it, or an end of text, then takes the choice of the target', () => {
    const row = fc.record({ drafted: fc.integer({ min: 6, max: END }), falls: fc.boolean() });
    fc.assert(
      fc.property(fc.array(row, { maxLength: 8 }), fc.integer({ max: END }), (draft, own) => {
        const taken: number[] = [];
        const chosen: number[] = [];
        const verdict = walkByDice(
          draft.map(({ drafted }) => drafted),
          {
            accepts: index => draft[index]?.falls === true,
            choose: index => {
              chosen.push(index);
              return own;
            },
            take: token => void taken.push(token),
            endsText: token => token === END,
          },
        );

        const miss = draft.findIndex(({ drafted, falls }) => !falls || drafted === END);
        const accepted = miss === -1 ? draft.length : miss;
        const prefix = draft.slice(0, accepted).map(({ drafted }) => drafted);
        expect(verdict).toEqual({
          tokens: [...prefix, own],
          accepted,
          bonus: miss === -1 ? BonusToken.BONUS : BonusToken.CORRECTION,
        });
        expect(taken).toEqual(prefix);
        expect(chosen).toEqual([accepted]);
      }),
    );
  });
});
