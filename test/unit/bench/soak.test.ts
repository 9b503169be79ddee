import { describe, expect, it } from '@jest/globals';
import { complaintsIn } from '../../../bench/src/soak/aftermath.js';
import { memoryTrend } from '../../../bench/src/soak/memory.js';
import { readSoakOptions } from '../../../bench/src/soak/options.js';
import { reportPage } from '../../../bench/src/soak/report.js';

describe('the memory of a process through a soak', () => {
  it('has not grown when it only grew while it was warming up', () => {
    const samples = [...Array.from({ length: 20 }, (_, i) => i), ...Array<number>(40).fill(100)];

    expect(memoryTrend('engine', samples)).toMatchObject({ before: 100, after: 100, growth: 0 });
  });

  it('has grown when it still grows at the end', () => {
    const samples = Array.from({ length: 60 }, (_, i) => 100 + i);

    expect(memoryTrend('engine', samples).growth).toBeGreaterThan(0.2);
  });

  it('is not judged by a handful of samples', () => {
    expect(() => memoryTrend('engine', [1, 2, 3])).toThrow('too few');
  });
});

describe('the log of a server after a soak', () => {
  it('is searched for errors and for whatever was said beside it', () => {
    const log = [
      'outrider: no --model given: using the embedded pair',
      '{"level":30,"msg":"call"}',
      '{"level":50,"msg":"internal error"}',
      '(node:1) MaxListenersExceededWarning: Possible leak',
      '',
    ].join('\n');

    expect(complaintsIn(log)).toEqual([
      '{"level":50,"msg":"internal error"}',
      '(node:1) MaxListenersExceededWarning: Possible leak',
    ]);
  });
});

describe('the report of a soak', () => {
  it('shows calls, memory and violations', () => {
    const page = reportPage({
      options: { minutes: 1, clients: 2, seed: 3, growth: 0.05 },
      counts: new Map([['cancel', new Map([['left early', 4]])]]),
      memory: [{ process: 'engine', before: 2 ** 20, after: 2 ** 21, growth: 1 }],
      violations: ['stream: was stuck'],
    });

    expect(page).toMatch(/\ncancel +left early +4\n/);
    expect(page).toMatch(/\nengine +1\.0 +2\.0 +100\.0 %\n/);
    expect(page).toMatch(/\nseed 3: 1 violations\n {2}stream: was stuck$/);
  });
});

describe('the command line of soak', () => {
  it.each([
    [['--minutes', '0'], '--minutes must be a number from 0.1 to 10000, not "0"'],
    [['--clients', '1.5'], '--clients must be a whole number'],
    [['--minute', '8'], "Unknown option '--minute'"],
  ])('refuses %j', (line, complaint) => {
    expect(() => readSoakOptions(line)).toThrow(complaint);
  });
});
