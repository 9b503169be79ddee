import { alignColumns } from '../peers/table.js';
import { formatSpread, median, pairedRatios, spread, type Spread } from '../stats.js';
import { type Way } from './contenders.js';

/** Some streams at once, generated to their ends by one service. */
export interface StreamsMeasurement {
  readonly streams: number;
  /** From 0. */
  readonly round: number;
  readonly server: 'outrider' | 'llama-server';
  readonly way: Way;
  /** Of all streams together, from the first request to the last end, prompts included. */
  readonly tokensPerSecond: number;
}

/** Both services with so many streams, in one way. */
export interface StreamsSummary {
  readonly streams: number;
  readonly way: Way;
  readonly outrider: Spread;
  readonly llamaServer: Spread;
  /** Median over the rounds of Outrider's speed over llama-server's. */
  readonly ratio: number;
  /** The ratio is at least 1. */
  readonly met: boolean;
}

/** Summaries by way and number of streams, in the order of measurement. */
export function summariseStreams(measurements: readonly StreamsMeasurement[]): StreamsSummary[] {
  const numbers = [...new Set(measurements.map(({ streams }) => streams))];
  return (['plain', 'speculative'] as const).flatMap(way =>
    numbers.map(streams => {
      const speeds = (server: StreamsMeasurement['server']): number[] =>
        measurements
          .filter(one => one.server === server && one.way === way && one.streams === streams)
          .sort((a, b) => a.round - b.round)
          .map(({ tokensPerSecond }) => tokensPerSecond);
      const [ours, theirs] = [speeds('outrider'), speeds('llama-server')];
      const ratio = median(pairedRatios(ours, theirs));
      const spreads = { outrider: spread(ours), llamaServer: spread(theirs) };
      return { streams, way, ...spreads, ratio, met: ratio >= GOAL };
    }),
  );
}

/** A row for each way and number of streams. */
export function streamsPage(summaries: readonly StreamsSummary[]): string {
  const head = ['way', 'streams', 'outrider, tokens/s', 'llama-server, tokens/s', 'ratio', 'goal'];
  const rows = summaries.map(({ way, streams, outrider, llamaServer, ratio, met }) => [
    ...[way, `${streams}`, formatSpread(outrider, 1), formatSpread(llamaServer, 1)],
    ...[ratio.toFixed(3), `>= ${GOAL.toFixed(1)} ${met ? 'met' : 'not met'}`],
  ]);
  return alignColumns([head, ...rows]);
}

const GOAL = 1;
