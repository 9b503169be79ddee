import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { readPeersOptions } from '../../../../bench/src/peers/options.js';
import { pairName, PAIRS } from '../../../../bench/src/peers/pairs.js';
import { PROMPT_CLASSES, PROMPTS_BY_CLASS } from '../../../../bench/src/peers/prompts/classes.js';
import { settingName, settingsOf, turnOrder } from '../../../../bench/src/peers/settings.js';

describe('the settings', () => {
  it('are three of llama-server and four of Outrider per library set', () => {
    expect(settingsOf(['same']).map(settingName)).toEqual([
      'llama-server plain',
      'llama-server n_max 3',
      'llama-server n_max 7',
      'outrider plain, same libraries',
      'outrider auto, same libraries',
      'outrider fixed 3, same libraries',
      'outrider fixed 7, same libraries',
    ]);
    expect(settingsOf(['prebuilt', 'same'])).toHaveLength(11);
  });
});

describe('the order of a turn', () => {
  it('puts each setting at each place and after each other one equally often', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 12 }), count => {
        const settings = Array.from({ length: count }, (_, i) => i);
        const orders = settings.concat(settings).map((_, turn) => turnOrder(settings, turn));

        const seen = new Map<string, number>();
        for (const order of orders) {
          order.forEach((setting, place) => {
            const before = place === 0 ? [] : [`${setting} after ${order[place - 1] ?? NaN}`];
            for (const key of [`${setting} at ${place}`, ...before]) {
              seen.set(key, (seen.get(key) ?? 0) + 1);
            }
          });
        }
        expect([...new Set(seen.values())]).toEqual([2]);
        expect(seen.size).toBe(count * count + count * (count - 1));
      }),
    );
  });

  it('goes on where the design ends', () => {
    const settings = ['a', 'b', 'c'];

    expect(turnOrder(settings, 0)).toEqual(['a', 'b', 'c']);
    expect(turnOrder(settings, 3)).toEqual(['c', 'b', 'a']);
    expect(turnOrder(settings, 6)).toEqual(turnOrder(settings, 0));
  });
});

describe('the command line of peers', () => {
  it('compares everything unless told otherwise', () => {
    const { pairs, classes, temperatures, rounds, libraries } = readPeersOptions([]);

    expect(pairs).toEqual(PAIRS);
    expect(classes).toEqual(PROMPT_CLASSES);
    expect({ temperatures, rounds, libraries }).toEqual({
      temperatures: [0, 0.8],
      rounds: 5,
      libraries: ['prebuilt', 'same'],
    });
  });

  it('takes each option', () => {
    const line =
      '--pairs f32-good,q8_0-bad --classes code,chat --temperatures 0.8 --rounds 2 --tokens 32 --threads 3 --libraries same --out x';

    const { pairs, ...others } = readPeersOptions(line.split(' '));

    expect(pairs.map(pairName)).toEqual(['f32-good', 'q8_0-bad']);
    expect(others).toEqual({
      classes: ['code', 'chat'],
      temperatures: [0.8],
      rounds: 2,
      tokens: 32,
      threads: 3,
      libraries: ['same'],
      out: 'x',
    });
  });

  it.each([
    ['--pairs', 'f16-good', '--pairs must list f32-good, f32-middling,'],
    ['--classes', 'poem', '--classes must list chat, code, summary, retrieval, creative'],
    ['--libraries', 'mine', '--libraries must list prebuilt, same, not "mine"'],
    ['--temperatures', '0,', '--temperatures must list numbers from 0 to 2, not ""'],
    ['--temperatures', '3', '--temperatures must list numbers from 0 to 2, not "3"'],
    ['--rounds', '0', '--rounds must be a whole number from 1 to 1000, not "0"'],
    ['--tokens', '257', '--tokens must be a whole number from 16 to 256, not "257"'],
    ['--threads', '1.5', '--threads must be a whole number from 1 to 1024, not "1.5"'],
  ])('refuses %s %s', (option, value, message) => {
    expect(() => readPeersOptions([option, value])).toThrow(message);
  });
});

describe('the prompts', () => {
  it('are at least five of each class, all different, none too long for the models', () => {
    const all = PROMPT_CLASSES.flatMap(name => PROMPTS_BY_CLASS[name]);

    for (const name of PROMPT_CLASSES) expect(PROMPTS_BY_CLASS[name].length).toBeGreaterThan(4);
    expect(new Set(all).size).toBe(all.length);
    for (const prompt of all) {
      expect(prompt).toBe(prompt.trim());
      // Measured: the longest is 204 tokens. With 256 of output that leaves room in 512.
      expect(prompt.length).toBeLessThan(650);
    }
  });

  it('of retrieval hold their passage twice and begin it again', () => {
    for (const prompt of PROMPTS_BY_CLASS.retrieval) {
      const [, first = '', second = '', third = ''] =
        /^It is written: (.+) Read it again: (.+) Once more, word for word: (.+)$/.exec(prompt) ??
        [];

      expect(second).toBe(first);
      expect(first.startsWith(third)).toBe(true);
      expect(third.length).toBeGreaterThan(10);
    }
  });
});
