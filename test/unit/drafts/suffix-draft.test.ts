import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { type Repeat } from '../../../server/src/engine/drafts/suffix-automaton.js';
import { type Copy } from '../../../server/src/engine/drafts/copy.js';
import { SuffixDraft } from '../../../server/src/engine/drafts/suffix-draft.js';
import { naiveRepeat } from './naive-repeat.js';
import { randomText, smallTexts } from './texts.js';

/** The rule itself: copy token by token onto the end of the text. */
function naiveCopy(whole: readonly number[], { length, end }: Repeat, limit: number): Copy {
  const grown = [...whole];
  const most = length < 3 ? 0 : Math.min(16, 2 * length, limit);
  for (let i = 0; i < most; i++) grown.push(grown[end + 1 + i] ?? -1);
  return { ids: grown.slice(whole.length), matchLength: length };
}

function over(text: readonly number[], eogIds: readonly number[] = []): SuffixDraft {
  const draft = new SuffixDraft(eogIds);
  draft.extend(text);
  return draft;
}

describe('a draft from repetition', () => {
  it('copies from behind the last occurrence of the longest repeated end', () => {
    fc.assert(
      fc.property(smallTexts(33), fc.integer({ min: -1, max: 20 }), (text, limit) => {
        expect(over(text).propose(limit)).toEqual(naiveCopy(text, naiveRepeat(text), limit));
      }),
      { seed: 1, numRuns: 2_000 },
    );
  });

  it('is the same whether tokens come one by one or together', () => {
    fc.assert(
      fc.property(smallTexts(60), fc.nat(60), (text, cut) => {
        const draft = over(text.slice(0, cut));

        for (const token of text.slice(cut)) draft.extend(token);

        expect(draft.length).toBe(text.length);
        expect(draft.propose(16)).toEqual(over(text).propose(16));
      }),
      { seed: 2, numRuns: 300 },
    );
  });

  it('takes typed arrays', () => {
    const draft = new SuffixDraft();

    draft.extend(Uint32Array.of(5, 6, 7, 8, 5, 6, 7));

    expect(draft.propose(1)).toEqual({ ids: [8], matchLength: 3 });
  });

  it('proposes nothing where fewer than 3 tokens repeat, and says how many did', () => {
    expect(over([5, 6, 7, 8, 6, 7]).propose(16)).toEqual({ ids: [], matchLength: 2 });
  });

  it('prefers the last of two occurrences', () => {
    expect(over([1, 2, 3, 8, 1, 2, 3, 9, 1, 2, 3]).propose(1).ids).toEqual([9]);
  });

  it('copies twice the match at most, and never more than 16 tokens', () => {
    const start = Array.from({ length: 40 }, (_, i) => i);

    expect(over([...start, 0, 1, 2]).propose(64).ids).toEqual([3, 4, 5, 6, 7, 8]);
    expect(over([...start, ...start.slice(0, 12)]).propose(64).ids).toHaveLength(16);
  });

  it('continues a loop round and round', () => {
    expect(over([7, 8, 9, 7, 8, 9, 7, 8]).propose(64).ids).toEqual([9, 7, 8, 9, 7, 8, 9, 7, 8, 9]);
  });

  it('ends with a token that ends the text', () => {
    const draft = over([1, 2, 3, 4, 99, 5, 1, 2, 3], [99]);

    expect(draft.propose(16).ids).toEqual([4, 99]);
    expect(draft.continueAfter([4], 16).ids).toEqual([99]);
    expect(draft.continueAfter([4, 99], 16)).toEqual({ ids: [], matchLength: 0 });
  });

  it('stays within 128 bytes per token', () => {
    const draft = over(randomText(32_769, 1_000));

    expect(draft.bytes / draft.length).toBeLessThanOrEqual(128);
  });
});

describe('a draft that is continued by a copy', () => {
  it('gets what followed in the committed text', () => {
    const afters = fc.array(fc.nat(3), { maxLength: 8 });
    fc.assert(
      fc.property(smallTexts(33), afters, fc.nat(20), (text, after, limit) => {
        const expected = naiveCopy([...text, ...after], naiveRepeat(text, after), limit);

        expect(over(text).continueAfter(after, limit)).toEqual(expected);
      }),
      { seed: 3, numRuns: 2_000 },
    );
  });

  it('leaves the proposals of the committed text as they were', () => {
    fc.assert(
      fc.property(smallTexts(60), fc.array(fc.nat(3)), smallTexts(20), (text, after, more) => {
        const draft = over(text);

        draft.continueAfter(after, 16);
        draft.extend(more);

        expect(draft.propose(16)).toEqual(over([...text, ...more]).propose(16));
      }),
      { seed: 5, numRuns: 500 },
    );
  });
});
