import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { TokenText } from '../../../server/src/engine/sampling/token-text.js';

const bytes = (text: string): Uint8Array => new Uint8Array(Buffer.from(text, 'utf8'));

interface Run {
  readonly texts: readonly string[];
  readonly text: string;
  readonly matchedStop: string | undefined;
}

/** Pushes pieces until a stop string matches; what is left is brought by the last one. */
function run(stop: readonly string[], pieces: readonly Uint8Array[]): Run {
  const stream = new TokenText(stop);
  const texts: string[] = [];
  for (const piece of pieces) {
    const { text, matchedStop } = stream.push(piece);
    texts.push(text);
    if (matchedStop !== undefined) break;
  }
  texts.push(stream.flush());
  return { texts, text: texts.join(''), matchedStop: stream.matchedStop };
}

/** Cuts a text at the match that ends first, then is longest. */
function cut(
  text: string,
  stop: readonly string[],
): { text: string; matchedStop: string | undefined } {
  const matches = stop
    .map(string => ({ string, start: text.indexOf(string) }))
    .filter(({ start }) => start >= 0)
    .sort((a, b) => a.start + a.string.length - (b.start + b.string.length) || a.start - b.start);
  const [first] = matches;
  return first === undefined
    ? { text, matchedStop: undefined }
    : { text: text.slice(0, first.start), matchedStop: first.string };
}

function chunked(data: Uint8Array, cuts: readonly number[]): Uint8Array[] {
  const ends = [...cuts.map(at => at % (data.length + 1)), data.length].sort((a, b) => a - b);
  return ends.map((end, i) => data.subarray(ends[i - 1] ?? 0, end));
}

const letters = fc.string({ unit: fc.constantFrom('a', 'b', 'ä', '€', '😀'), maxLength: 30 });
const stops = fc.array(
  fc.string({ unit: fc.constantFrom('a', 'b', 'ä', '€', '😀'), minLength: 1, maxLength: 4 }),
  { maxLength: 4 },
);
const cuts = fc.array(fc.nat(200), { maxLength: 40 });

describe('the text of a stream of tokens', () => {
  it('is that of all its bytes cut at the first stop string, however they are chunked', () => {
    fc.assert(
      fc.property(letters, stops, cuts, (text, stop, at) => {
        const result = run(stop, chunked(bytes(text), at));

        expect({ text: result.text, matchedStop: result.matchedStop }).toEqual(cut(text, stop));
      }),
      { seed: 13, numRuns: 3_000 },
    );
  });

  it('is the replacement decoding of any bytes at all, however they are chunked', () => {
    const data = fc.oneof(
      fc.uint8Array({ maxLength: 20 }),
      fc
        .array(
          fc.constantFrom(
            0x41,
            0x80,
            0xbf,
            0xc3,
            0xe2,
            0x82,
            0xac,
            0xed,
            0xa0,
            0xf0,
            0x9f,
            0x98,
            0xf4,
            0x90,
          ),
          { maxLength: 20 },
        )
        .map(values => Uint8Array.from(values)),
    );
    fc.assert(
      fc.property(data, cuts, (all, at) => {
        const result = run([], chunked(all, at));

        expect(result.text).toBe(Buffer.from(all).toString('utf8'));
        expect(result.texts.some(text => /\p{Surrogate}/u.test(text))).toBe(false);
      }),
      { seed: 14, numRuns: 3_000 },
    );
  });

  it('holds back exactly the longest tail that may still become a stop string', () => {
    fc.assert(
      fc.property(letters, stops, (text, stop) => {
        fc.pre(cut(text, stop).matchedStop === undefined);
        const tails = Array.from({ length: text.length + 1 }, (_, i) => text.slice(i));
        const held = tails
          .filter(tail => stop.some(string => string.startsWith(tail) && string !== tail))
          .reduce((longest, tail) => (tail.length > longest.length ? tail : longest), '');

        const released = new TokenText(stop).push(bytes(text)).text;

        expect(released).toBe(text.slice(0, text.length - held.length));
      }),
      { seed: 15, numRuns: 2_000 },
    );
  });

  it('comes with the token that completes a character', () => {
    const euro = bytes('€');

    expect(run([], [euro.subarray(0, 1), euro.subarray(1, 2), euro.subarray(2)]).texts).toEqual([
      '',
      '',
      '€',
      '',
    ]);
  });

  it('has U+FFFD as soon as a character can no longer become valid', () => {
    expect(run([], [Uint8Array.of(0xe2, 0x82), bytes('A')]).texts).toEqual(['', '\ufffdA', '']);
  });

  it('ends with U+FFFD where a character was left unfinished', () => {
    expect(run([], [bytes('a'), Uint8Array.of(0xf0, 0x9f)]).texts).toEqual(['a', '', '\ufffd']);
  });

  it('keeps a byte order mark', () => {
    expect(run([], [bytes('\ufeffa')]).text).toBe('\ufeffa');
  });

  it('ends before a stop string that spans three tokens', () => {
    const result = run(['</s>'], ['one <', '/', 's> two'].map(bytes));

    expect(result.texts).toEqual(['one ', '', '', '']);
    expect(result.matchedStop).toBe('</s>');
  });

  it('goes on when a tail did not become a stop string', () => {
    expect(run(['</s>'], ['a<', '/s', 'x'].map(bytes)).texts).toEqual(['a', '', '</sx', '']);
  });

  it('brings a held tail at the end', () => {
    expect(run(['END'], [bytes('the EN')]).texts).toEqual(['the ', 'EN']);
  });

  it('prefers the match that ends first, then the longest', () => {
    expect(run(['bcd', 'c'], [bytes('abcd')])).toMatchObject({ text: 'ab', matchedStop: 'c' });
    expect(run(['c', 'abc', 'bc'], [bytes('xabc')])).toMatchObject({
      text: 'x',
      matchedStop: 'abc',
    });
  });

  it('ends before a stop string that only the last U+FFFD completes', () => {
    const result = run(['!\ufffd'], [bytes('no!'), Uint8Array.of(0xc3)]);

    expect(result).toMatchObject({ text: 'no', matchedStop: '!\ufffd' });
  });

  it('takes nothing after a match', () => {
    const stream = new TokenText(['x']);
    stream.push(bytes('x'));

    expect(() => stream.push(bytes('y'))).toThrow('ended the text');
    expect(stream.flush()).toBe('');
  });

  it('cannot be set up with an empty stop string', () => {
    expect(() => new TokenText(['a', ''])).toThrow(RangeError);
  });
});
