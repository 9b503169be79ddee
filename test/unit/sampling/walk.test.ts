import { describe, expect, it } from '@jest/globals';
import { BonusToken } from '@outrider/sdk/proto';
import { walk } from '../../../server/src/engine/sampling/walk.js';

const END = 9;
const endsText = (token: number): boolean => token === END;

describe('the verification walk', () => {
  it.each([
    {
      name: 'accepts every draft and adds a bonus',
      drafted: [1, 2],
      chosen: [1, 2, 3],
      tokens: [1, 2, 3],
      accepted: 2,
      bonus: BonusToken.BONUS,
    },
    {
      name: 'is a plain step without drafts',
      drafted: [],
      chosen: [4],
      tokens: [4],
      accepted: 0,
      bonus: BonusToken.BONUS,
    },
    {
      name: 'corrects the first draft',
      drafted: [1, 2],
      chosen: [5, 2, 3],
      tokens: [5],
      accepted: 0,
      bonus: BonusToken.CORRECTION,
    },
    {
      name: 'corrects the last draft',
      drafted: [1, 2],
      chosen: [1, 5, 3],
      tokens: [1, 5],
      accepted: 1,
      bonus: BonusToken.CORRECTION,
    },
    {
      name: 'ends on an accepted end of text',
      drafted: [1, END, 2],
      chosen: [1, END, 2, 3],
      tokens: [1, END],
      accepted: 2,
      bonus: BonusToken.NONE,
    },
    {
      name: 'ends on an accepted end of text that is the last draft',
      drafted: [END],
      chosen: [END, 3],
      tokens: [END],
      accepted: 1,
      bonus: BonusToken.NONE,
    },
    {
      name: 'corrects a draft by an end of text',
      drafted: [1, 2],
      chosen: [END, 2, 3],
      tokens: [END],
      accepted: 0,
      bonus: BonusToken.CORRECTION,
    },
    {
      name: 'adds an end of text as a bonus',
      drafted: [1],
      chosen: [1, END],
      tokens: [1, END],
      accepted: 1,
      bonus: BonusToken.BONUS,
    },
    {
      name: 'rejects a drafted end of text',
      drafted: [END, 1],
      chosen: [2, 1, 3],
      tokens: [2],
      accepted: 0,
      bonus: BonusToken.CORRECTION,
    },
  ])('$name', ({ drafted, chosen, tokens, accepted, bonus }) => {
    const asked: number[] = [];

    const verdict = walk(
      drafted,
      index => {
        asked.push(index);
        return chosen[index] ?? -1;
      },
      endsText,
    );

    expect(verdict).toEqual({ tokens, accepted, bonus });
    // Rows behind the end of the walk must not be looked at: choosing advances the stream.
    expect(asked).toEqual(tokens.map((_, index) => index));
  });

  it('takes typed arrays as well', () => {
    expect(walk(Int32Array.of(1, 2), index => index + 1, endsText).accepted).toBe(2);
  });
});
