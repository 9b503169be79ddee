import { describe, expect, it } from '@jest/globals';
import { readStreamsOptions } from '../../../bench/src/streams/options.js';
import {
  streamsPage,
  type StreamsMeasurement,
  summariseStreams,
} from '../../../bench/src/streams/summary.js';

describe('the summary of several streams at once', () => {
  it('compares the services round by round and tells whether the goal is met', () => {
    const summaries = summariseStreams([
      ...measured('plain', [10, 20, 40], [10, 10, 10]),
      ...measured('speculative', [9, 9, 30], [10, 10, 10]),
    ]);

    expect(summaries).toMatchObject([
      { streams: 2, way: 'plain', ratio: 2, met: true },
      { streams: 2, way: 'speculative', ratio: 0.9, met: false },
    ]);
    expect(streamsPage(summaries)).toMatch(
      /^way .*\nplain +2 +20\.0 \(15\.0-30\.0\) +10\.0 .* 2\.000 +>= 1\.0 met\nspeculative .* 0\.900 +>= 1\.0 not met$/,
    );
  });
});

describe('the command line of streams', () => {
  it('has defaults', () => {
    expect(readStreamsOptions([])).toMatchObject({ streams: [1, 2, 4, 8], rounds: 5, tokens: 64 });
  });

  it.each([
    [['--streams', '0'], '--streams must be whole, from 1 to 64, not "0"'],
    [['--tokens', '8'], '--tokens must be whole, from 16 to 256, not "8"'],
    [['--stream', '8'], "Unknown option '--stream'"],
  ])('refuses %j', (line, complaint) => {
    expect(() => readStreamsOptions(line)).toThrow(complaint);
  });
});

function measured(
  way: StreamsMeasurement['way'],
  ours: readonly number[],
  theirs: readonly number[],
): StreamsMeasurement[] {
  return ours.flatMap((tokensPerSecond, round) => [
    { streams: 2, round, server: 'outrider', way, tokensPerSecond },
    { streams: 2, round, server: 'llama-server', way, tokensPerSecond: theirs[round] ?? 0 },
  ]);
}
