import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import {
  type Repeat,
  SuffixAutomaton,
} from '../../../server/src/engine/drafts/suffix-automaton.js';
import { isOccurrence, naiveRepeat } from './naive-repeat.js';
import { allBinaryTexts, randomText, smallTexts, strained } from './texts.js';

function over(text: readonly number[]): SuffixAutomaton {
  const automaton = new SuffixAutomaton();
  for (const token of text) automaton.extend(token);
  return automaton;
}

/** What it says after each token. */
function repeats(text: readonly number[]): Repeat[] {
  const automaton = new SuffixAutomaton();
  return text.map(token => {
    automaton.extend(token);
    return automaton.repeat();
  });
}

const naiveRepeats = (text: readonly number[]): Repeat[] =>
  text.map((_, last) => naiveRepeat(text.slice(0, last + 1)));

describe('the suffix automaton', () => {
  it('knows no repeat of an empty text', () => {
    expect(new SuffixAutomaton().repeat()).toEqual({ length: 0, end: -1 });
  });

  it('finds after each token the longest repeated end and its last occurrence, in every short text', () => {
    const wrong = allBinaryTexts(11).filter(text => {
      const { length, end } = over(text).repeat();
      const naive = naiveRepeat(text);
      return length !== naive.length || end !== naive.end;
    });

    expect(wrong).toEqual([]);
  });

  it('finds them in texts of few tokens, as long as no more ends can nest than are marked', () => {
    fc.assert(
      fc.property(smallTexts(33), text => {
        expect(repeats(text)).toEqual(naiveRepeats(text));
      }),
      { seed: 1, numRuns: 1_500 },
    );
  });

  it('finds them in long random texts', () => {
    for (const [tokens, seed] of [2, 3, 5, 20].entries()) {
      const text = randomText(400, tokens + 2, seed);

      expect(repeats(text)).toEqual(naiveRepeats(text));
    }
  });

  it('finds the longest repeated end, and a true occurrence of it, however deep they nest', () => {
    const nested = fc
      .array(fc.record({ token: fc.nat(1), length: fc.integer({ min: 1, max: 60 }) }), {
        maxLength: 5,
      })
      .map(runs => runs.flatMap(({ token, length }) => Array.from({ length }, () => token)));
    fc.assert(
      fc.property(nested, text => {
        const found = over(text).repeat();

        expect(found.length).toBe(naiveRepeat(text).length);
        expect(isOccurrence(text, found)).toBe(true);
      }),
      { seed: 2, numRuns: 300 },
    );
  });

  it('finds the longest end of text and further tokens in the text, and stays as it is', () => {
    fc.assert(
      fc.property(smallTexts(33), fc.array(fc.nat(4), { maxLength: 8 }), (text, after) => {
        const automaton = over(text);
        const before = automaton.repeat();

        expect(automaton.repeat(after)).toEqual(naiveRepeat(text, after));
        expect(automaton.repeat()).toEqual(before);
        expect(automaton.length).toBe(text.length);
      }),
      { seed: 3, numRuns: 2_000 },
    );
  });

  it.each(strained)('finds what lies deep in 100,000 tokens: %s', (_, textOf) => {
    const text = textOf(100_000);
    const automaton = over([...text, -2, ...text.slice(40_000, 40_500)]);

    const { length, end } = automaton.repeat();

    expect(length).toBeGreaterThanOrEqual(500);
    expect(length).toBeLessThanOrEqual(100_000);
    for (let back = 0; back < 500; back++) {
      expect(automaton.at(end - back)).toBe(text[40_499 - back]);
    }
  });

  it('keeps the text', () => {
    const text = randomText(1_000, 1_000_000);

    const automaton = over(text);

    expect(text.map((_, index) => automaton.at(index))).toEqual(text);
  });

  it('takes any 32-bit id', () => {
    const text = [2 ** 31 - 1, 0, -1, -(2 ** 31), 2 ** 31 - 1, 0, -1];

    expect(over(text).repeat()).toEqual({ length: 3, end: 2 });
  });
});

describe('the cost of a suffix automaton', () => {
  it.each(strained)('is a bounded number of operations per token: %s', (_, textOf) => {
    const perToken = [10_000, 100_000].map(length => over(textOf(length)).operations / length);

    // At most 32 marks, 6 links and lookups of the construction, and what hashing and doubling add to them.
    for (const operations of perToken) expect(operations).toBeLessThan(48);
  });

  it.each(strained)('is at most 128 bytes per token: %s', (_, textOf) => {
    const automaton = new SuffixAutomaton();
    let most = 0;

    for (const token of textOf(20_000)) {
      automaton.extend(token);
      if (automaton.length > 16) most = Math.max(most, automaton.bytes / automaton.length);
    }

    expect(most).toBeGreaterThan(64);
    expect(most).toBeLessThanOrEqual(128);
  });
});
