import { availableParallelism } from 'node:os';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

/** What `streams` compares. */
export interface StreamsOptions {
  /** Numbers of streams at once. @default [1, 2, 4, 8] */
  readonly streams: readonly number[];
  /** How often each setting generates with each number. @default 5 */
  readonly rounds: number;
  /** Of each stream, 16 to 256. @default 64 */
  readonly tokens: number;
  /** Of target and draft, on both sides. @default as many as there are cores */
  readonly threads: number;
  /** Folder for `streams.json`. @default docs/benchmarks */
  readonly out: string;
}

/** Text for `--help`. */
export const STREAMS_USAGE = `streams [--streams 1,2,4,8] [--rounds 5] [--tokens 64] [--threads N] [--out docs/benchmarks]
    tokens/s of several streams at once against llama-server with as many slots, plain and speculative`;

/**
 * Reads the command line of `streams`.
 * @throws TypeError naming an option that does not exist or a value that is not one
 */
export function readStreamsOptions(line: readonly string[]): StreamsOptions {
  const { values } = parseArgs({
    args: [...line],
    options: {
      streams: { type: 'string', default: '1,2,4,8' },
      rounds: { type: 'string', default: '5' },
      tokens: { type: 'string', default: '64' },
      threads: { type: 'string', default: `${availableParallelism()}` },
      out: { type: 'string', default: defaultOut() },
    },
  });
  return {
    streams: values.streams.split(',').map(text => countFrom('--streams', text, 1, 64)),
    rounds: countFrom('--rounds', values.rounds, 1, 1000),
    tokens: countFrom('--tokens', values.tokens, 16, 256),
    threads: countFrom('--threads', values.threads, 1, 1024),
    out: values.out,
  };
}

function defaultOut(): string {
  return fileURLToPath(new URL('../../../docs/benchmarks', import.meta.url));
}

function countFrom(option: string, text: string, least: number, most: number): number {
  const count = Number(text);
  if (!Number.isInteger(count) || count < least || count > most) {
    throw new TypeError(`${option} must be whole, from ${least} to ${most}, not "${text}"`);
  }
  return count;
}
