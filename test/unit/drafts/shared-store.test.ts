import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { SharedStore } from '../../../server/src/engine/drafts/shared-store.js';
import { randomText } from './texts.js';

const ROOMY = { maxBytes: 2 ** 20 };
const span = (from: number, length: number): number[] => Array.from({ length }, (_, i) => from + i);
const sequences = fc.array(fc.array(fc.nat(1), { maxLength: 80 }), { maxLength: 30 });

/** Whether `part` is somewhere in `whole`. */
function contains(whole: readonly number[], part: readonly number[]): boolean {
  return whole.some((_, start) => part.every((token, i) => whole[start + i] === token));
}

describe('a shared store', () => {
  it('proposes what followed the same tokens in a finished sequence', () => {
    const store = new SharedStore(ROOMY);
    store.add(span(100, 50));

    expect(store.propose([1, 2, ...span(110, 8)], 16)).toEqual({
      ids: span(118, 16),
      matchLength: 8,
    });
    expect(store.propose(span(110, 6), 16).ids).toEqual(span(116, 12));
    expect(store.propose(span(110, 8), 3).ids).toEqual(span(118, 3));
    expect(store.propose(span(110, 8), 0).ids).toEqual([]);
  });

  it('proposes nothing where fewer than 6 tokens match, or nothing follows', () => {
    const store = new SharedStore(ROOMY);
    store.add(span(100, 50));

    for (const tail of [[], span(100, 5), [7, ...span(100, 5)], span(144, 6), span(500, 10)])
      expect(store.propose(tail, 16)).toEqual({ ids: [], matchLength: 0 });
  });

  it('ends a copy with the sequence, and with a token that ends the text', () => {
    const store = new SharedStore({ ...ROOMY, eogIds: [120] });
    store.add(span(100, 50));

    expect(store.propose(span(140, 7), 16).ids).toEqual([147, 148, 149]);
    expect(store.propose(span(110, 8), 16).ids).toEqual([118, 119, 120]);
  });

  it('prefers the sequence that was finished last', () => {
    const store = new SharedStore(ROOMY);
    store.add([...span(1, 8), 50]);
    store.add([...span(1, 8), 60]);

    expect(store.propose(span(1, 8), 1).ids).toEqual([60]);
  });

  it('proposes only what a sequence that it still holds says behind the match', () => {
    fc.assert(
      fc.property(sequences, fc.array(fc.nat(1), { maxLength: 70 }), (added, tail) => {
        const store = new SharedStore({ maxBytes: 8_192 });
        for (const sequence of added) store.add(sequence);

        const { ids, matchLength } = store.propose(tail, 16);

        const kept = added.filter(sequence => sequence.length > 6).slice(-store.size);
        const quoted = [...tail.slice(tail.length - matchLength), ...ids];
        const said = kept.some(sequence => contains(sequence, quoted));
        expect(matchLength === 0 ? ids.length === 0 : matchLength >= 6 && said).toBe(true);
      }),
      { seed: 1, numRuns: 1_000 },
    );
  });

  it('finds nearly every place of sequences that fill it', () => {
    const store = new SharedStore({ maxBytes: 400_000 });
    const added = Array.from({ length: 9 }, (_, seed) => randomText(2_000, 30_000, seed + 1));
    for (const sequence of added) store.add(sequence);

    const found = added.map(
      sequence =>
        span(6, 1_990).filter(
          end => store.propose(sequence.slice(end - 6, end), 1).ids[0] === sequence[end],
        ).length,
    );

    expect(store.size).toBe(9);
    // Direct-mapped with at least two slots per token: the oldest place is there with probability 0.6.
    for (const places of found) expect(places).toBeGreaterThan(1_990 * 0.55);
    expect(found.at(-1)).toBeGreaterThan(1_990 * 0.95);
  });

  it('never takes more memory than it may', () => {
    fc.assert(
      fc.property(
        fc.array(fc.nat(400), { maxLength: 60 }),
        fc.integer({ min: 4_096, max: 30_000 }),
        (lengths, maxBytes) => {
          const store = new SharedStore({ maxBytes });
          for (const [seed, length] of lengths.entries()) {
            store.add(randomText(length, 1_000, seed));

            expect(store.bytes).toBeLessThanOrEqual(maxBytes);
          }
          expect(store.size > 0).toBe(lengths.some(length => length > 6));
        },
      ),
      { seed: 2, numRuns: 200 },
    );
  });

  it('keeps of a sequence that is larger than all its memory the end', () => {
    const store = new SharedStore({ maxBytes: 4_096 });
    const text = span(1, 5_000);

    store.add(text);

    expect(store.propose(span(4_980, 6), 16).ids).toEqual(span(4_986, 12));
    expect(store.propose(span(100, 6), 16).ids).toEqual([]);
    expect(store.bytes).toBeLessThanOrEqual(4_096);
  });

  it('lets the least recently used sequence go first', () => {
    // Room for three of these: 4 bytes per token and 256 per sequence, of a fifth of the bound.
    const store = new SharedStore({ maxBytes: 3 * 5 * (60 * 4 + 256) });
    const [a, b, c, d] = [span(1_000, 60), span(2_000, 60), span(3_000, 60), span(4_000, 60)];
    // At any of its places: one alone may have been overwritten.
    const use = (sequence: readonly number[]): boolean =>
      span(8, 40).some(end => store.propose(sequence.slice(end - 8, end), 1).ids.length > 0);
    for (const sequence of [a, b, c]) store.add(sequence);

    use(a);
    store.add(d);

    expect([a, b, c, d].map(use)).toEqual([true, false, true, true]);
  });

  it('has nothing left after it was cleared', () => {
    const store = new SharedStore(ROOMY);
    store.add(span(100, 50));
    const before = store.bytes;

    store.clear();

    expect(store.size).toBe(0);
    expect(store.bytes).toBeLessThan(before);
    expect(store.propose(span(110, 8), 16)).toEqual({ ids: [], matchLength: 0 });
  });

  it.each([0, 4_095, NaN, Infinity])('refuses a bound of %d bytes', maxBytes => {
    expect(() => new SharedStore({ maxBytes })).toThrow(RangeError);
  });
});
