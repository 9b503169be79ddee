import { availableParallelism } from 'node:os';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { type Pair, pairName, PAIRS } from './pairs.js';
import { PROMPT_CLASSES, type PromptClass } from './prompts/classes.js';
import { LIBRARY_SETS, type LibrarySet } from './settings.js';

/** What `peers` compares. */
export interface PeersOptions {
  /** @default all nine */
  readonly pairs: readonly Pair[];
  /** @default all five */
  readonly classes: readonly PromptClass[];
  /** @default [0, 0.8] */
  readonly temperatures: readonly number[];
  /** Each takes the next prompt of every class. @default 5 */
  readonly rounds: number;
  /** Of each completion, 16 to 256. @default 96 */
  readonly tokens: number;
  /** Of target and draft, on both sides. @default as many as there are cores */
  readonly threads: number;
  /** What Outrider runs on; both take part in the same turns. @default both */
  readonly libraries: readonly LibrarySet[];
  /** Folder for `peers.json` and `peers.svg`. @default docs/benchmarks */
  readonly out: string;
}

/** Text for `--help`. */
export const PEERS_USAGE = `peers [--pairs all] [--classes all] [--temperatures 0,0.8] [--rounds 5] [--tokens 96] [--threads N]
        [--libraries both|prebuilt|same] [--out docs/benchmarks]
    llama-server and Outrider in turns, plain and speculative, on a 95M target and drafts of three qualities
    ten minutes: --pairs f32-good,bf16-middling,q8_0-bad --rounds 1 --tokens 64`;

/**
 * Reads the command line of `peers`.
 * @throws TypeError naming an option that does not exist or a value that is not one
 */
export function readPeersOptions(line: readonly string[]): PeersOptions {
  const { values } = parseArgs({
    args: [...line],
    options: {
      pairs: { type: 'string', default: 'all' },
      classes: { type: 'string', default: 'all' },
      temperatures: { type: 'string', default: '0,0.8' },
      rounds: { type: 'string', default: '5' },
      tokens: { type: 'string', default: '96' },
      threads: { type: 'string', default: `${availableParallelism()}` },
      libraries: { type: 'string', default: 'both' },
      out: { type: 'string', default: defaultOut() },
    },
  });
  return {
    pairs: chosen('--pairs', values.pairs, PAIRS, pairName),
    classes: chosen('--classes', values.classes, PROMPT_CLASSES, name => name),
    temperatures: values.temperatures.split(',').map(temperatureFrom),
    rounds: countFrom('--rounds', values.rounds, 1, 1000),
    tokens: countFrom('--tokens', values.tokens, 16, 256),
    threads: countFrom('--threads', values.threads, 1, 1024),
    libraries: chosen(
      '--libraries',
      values.libraries === 'both' ? 'all' : values.libraries,
      LIBRARY_SETS,
      name => name,
    ),
    out: values.out,
  };
}

function defaultOut(): string {
  return fileURLToPath(new URL('../../../docs/benchmarks', import.meta.url));
}

function chosen<T>(
  option: string,
  text: string,
  all: readonly T[],
  nameOf: (item: T) => string,
): readonly T[] {
  if (text === 'all') return all;
  return text.split(',').map(name => {
    const found = all.find(item => nameOf(item) === name);
    if (found === undefined) {
      throw new TypeError(`${option} must list ${all.map(nameOf).join(', ')}, not "${name}"`);
    }
    return found;
  });
}

function temperatureFrom(text: string): number {
  const temperature = Number(text);
  if (text.trim() === '' || !(temperature >= 0 && temperature <= 2)) {
    throw new TypeError(`--temperatures must list numbers from 0 to 2, not "${text}"`);
  }
  return temperature;
}

function countFrom(option: string, text: string, least: number, most: number): number {
  const count = Number(text);
  if (!Number.isInteger(count) || count < least || count > most) {
    throw new TypeError(`${option} must be a whole number from ${least} to ${most}, not "${text}"`);
  }
  return count;
}
