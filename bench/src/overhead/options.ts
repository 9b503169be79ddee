import { parseArgs } from 'node:util';

/** Parts of the overhead benchmark. */
export type OverheadPart = 'steps' | 'stack' | 'memory';

/** How the overhead is measured. */
export interface OverheadOptions {
  /** Each thread count is measured by itself. @default [1] */
  readonly threads: readonly number[];
  /** Pairs of measurements per figure, at least 5. @default 9 */
  readonly rounds: number;
  /** @default all */
  readonly parts: readonly OverheadPart[];
  /** Folder of other llama.cpp libraries for our side. @default node-llama-cpp's */
  readonly llamaDir: string | undefined;
}

const PARTS: readonly OverheadPart[] = ['steps', 'stack', 'memory'];

/**
 * Reads the command line of `overhead`.
 * @throws TypeError naming an option that does not exist or a value that is not one
 */
export function readOverheadOptions(line: readonly string[]): OverheadOptions {
  const { values } = parseArgs({
    args: [...line],
    options: {
      threads: { type: 'string', default: '1' },
      rounds: { type: 'string', default: '9' },
      part: { type: 'string', multiple: true, default: [...PARTS] },
      'llama-dir': { type: 'string' },
    },
  });
  const rounds = Number(values.rounds);
  if (!Number.isInteger(rounds) || rounds < 5) {
    throw new TypeError(`--rounds must be at least 5, not "${values.rounds}"`);
  }
  return {
    threads: values.threads.split(',').map(threadsFrom),
    rounds,
    parts: values.part.map(partFrom),
    llamaDir: values['llama-dir'],
  };
}

function threadsFrom(text: string): number {
  const threads = Number(text);
  if (!Number.isInteger(threads) || threads < 1) {
    throw new TypeError(`--threads must list numbers of at least 1, not "${text}"`);
  }
  return threads;
}

function partFrom(text: string): OverheadPart {
  const part = PARTS.find(known => known === text);
  if (part === undefined)
    throw new TypeError(`--part must be one of ${PARTS.join(', ')}, not "${text}"`);
  return part;
}
