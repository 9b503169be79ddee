import { describe, expect, it } from '@jest/globals';
import { comparison, figuresLine } from '../../../bench/src/demo/figures.js';
import { readDemoOptions } from '../../../bench/src/demo/options.js';
import {
  acceptanceBars,
  acceptanceStrip,
  paintPrompt,
  paintTokens,
  wantsColour,
} from '../../../bench/src/demo/paint.js';

describe('the command line of the demo', () => {
  it('has a default for everything', () => {
    expect(readDemoOptions([])).toMatchObject({ large: false, maxTokens: 128, temperature: 0.8 });
  });

  it('takes each option', () => {
    const line = '--large --prompt Hello --max-tokens 9 --seed 3 --temperature 0'.split(' ');

    expect(readDemoOptions(line)).toEqual({
      large: true,
      prompt: 'Hello',
      maxTokens: 9,
      seed: 3,
      temperature: 0,
    });
  });

  it('may ask for help', () => {
    expect(readDemoOptions(['--help'])).toBeUndefined();
  });

  it.each([
    [['--seed', 'x'], '--seed must be a number'],
    [['--max-tokens', ''], '--max-tokens must be a number'],
    [['--fast'], "Unknown option '--fast'"],
  ])('refuses %j', (line, message) => {
    expect(() => readDemoOptions(line)).toThrow(message);
  });
});

describe('a painted text', () => {
  const tokens = [
    { text: 'a', fromDraft: false },
    { text: 'b', fromDraft: true },
    { text: '', fromDraft: true },
  ];

  it('shows accepted drafts in green', () => {
    expect(paintTokens(tokens, true)).toBe('a\u001b[32mb\u001b[0m');
    expect(paintPrompt('once', true)).toBe('\u001b[2monce\u001b[0m');
  });

  it('is the text alone without colour', () => {
    expect(paintTokens(tokens, false)).toBe('ab');
    expect(paintPrompt('once', false)).toBe('once');
  });

  it.each([
    [true, undefined, true],
    [true, '', true],
    [true, '1', false],
    [false, undefined, false],
  ])('on a terminal: %s, NO_COLOR: %s is coloured: %s', (isTTY, noColor, coloured) => {
    expect(wantsColour({ isTTY }, noColor)).toBe(coloured);
  });
});

describe('acceptance per step', () => {
  it('is one character a step, 64 to a line', () => {
    expect(acceptanceStrip([0, 4, 12])).toEqual(['04+']);
    expect(acceptanceStrip(Array.from({ length: 65 }, () => 1))).toEqual(['1'.repeat(64), '1']);
    expect(acceptanceStrip([])).toEqual([]);
  });

  it('is a bar per count, the longest as wide as allowed', () => {
    expect(acceptanceBars([1, 0, 4], 8)).toEqual([
      ' 0 accepted    1  ██',
      ' 1 accepted    0',
      ' 2 accepted    4  ████████',
    ]);
  });
});

describe('the figures of a generation', () => {
  const plain = {
    usage: { promptTokens: 3, completionTokens: 12, cachedTokens: 0 },
    timings: { tokensPerSecond: 41.26 },
  };

  it('are tokens and speed for plain decoding', () => {
    expect(figuresLine(plain)).toBe('12 tokens, 41.3 tokens/s');
  });

  it('add what was drafted and accepted for speculation', () => {
    const speculation = {
      numSteps: 5,
      numDraftTokens: 20,
      numAcceptedDraftTokens: 6,
      draftAcceptanceRate: 0.3,
      meanAcceptanceLength: 2.2,
    };

    expect(figuresLine({ ...plain, speculation })).toBe(
      '12 tokens in 5 steps, 20 drafted, 6 accepted (30 %), 2.20 tokens a step, 41.3 tokens/s',
    );
  });
});

describe('two generations', () => {
  it('are equal when every token is', () => {
    expect(comparison([1, 2], [1, 2])).toBe('the texts are equal');
  });

  it.each([
    [[1, 2, 3], [1, 5, 3], 1],
    [[1, 2], [1, 2, 3], 2],
  ])('part where the first token differs', (a, b, at) => {
    expect(comparison(a, b)).toBe(`the texts part at token ${at}`);
  });
});
