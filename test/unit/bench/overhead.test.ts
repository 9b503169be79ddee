import { describe, expect, it } from '@jest/globals';
import { readOverheadOptions } from '../../../bench/src/overhead/options.js';
import { partingOf, tokensPerSecond } from '../../../bench/src/timed-completion.js';

describe('the command line of the overhead benchmark', () => {
  it('measures everything on one thread unless told otherwise', () => {
    expect(readOverheadOptions([])).toEqual({
      threads: [1],
      rounds: 9,
      parts: ['steps', 'stack', 'memory'],
      llamaDir: undefined,
    });
  });

  it('takes each option', () => {
    const line = '--threads 2,1 --rounds 5 --part stack --part memory --llama-dir lib'.split(' ');

    expect(readOverheadOptions(line)).toEqual({
      threads: [2, 1],
      rounds: 5,
      parts: ['stack', 'memory'],
      llamaDir: 'lib',
    });
  });

  it.each([
    [['--rounds', '4'], '--rounds must be at least 5, not "4"'],
    [['--threads', '1,0'], '--threads must list numbers of at least 1, not "0"'],
    [['--part', 'speed'], '--part must be one of steps, stack, memory, not "speed"'],
  ])('refuses %j', (line, message) => {
    expect(() => readOverheadOptions(line)).toThrow(message);
  });
});

describe('a timed completion', () => {
  it('has a speed that leaves the first token to the prompt', () => {
    expect(tokensPerSecond({ tokens: 11, remainingMs: 500 })).toBe(20);
  });
});

describe('two texts', () => {
  it('part at the first character that differs', () => {
    expect(partingOf('abc', 'abc')).toBeUndefined();
    expect(partingOf('abc', 'axc')).toBe(1);
    expect(partingOf('ab', 'abc')).toBe(2);
  });
});
