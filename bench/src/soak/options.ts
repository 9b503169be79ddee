import { parseArgs } from 'node:util';

/** What a soak does, and for how long. */
export interface SoakOptions {
  /** @default 10 */
  readonly minutes: number;
  /** Clients at once; each does one thing after another. @default 16 */
  readonly clients: number;
  /** Of everything that clients choose. @default the clock */
  readonly seed: number;
  /** How much more memory a process may hold at the end than after its warm-up, as a share. @default 0.05 */
  readonly growth: number;
}

/** Text for `--help`. */
export const SOAK_USAGE = `npm run soak -- [--minutes 10] [--clients 16] [--seed N] [--growth 0.05]
    mixed clients against a real server with the embedded pair; ends with status 1 when anything was not as it should be`;

/**
 * Reads the command line of `soak`.
 * @throws TypeError naming an option that does not exist or a value that is not one
 */
export function readSoakOptions(line: readonly string[]): SoakOptions {
  const { values } = parseArgs({
    args: [...line],
    options: {
      minutes: { type: 'string', default: '10' },
      clients: { type: 'string', default: '16' },
      seed: { type: 'string', default: `${Date.now() % 1_000_000}` },
      growth: { type: 'string', default: '0.05' },
    },
  });
  return {
    minutes: numberFrom('--minutes', values.minutes, 0.1, 10_000),
    clients: wholeFrom('--clients', values.clients, 1, 64),
    seed: wholeFrom('--seed', values.seed, 0, 2 ** 31 - 1),
    growth: numberFrom('--growth', values.growth, 0, 10),
  };
}

function wholeFrom(option: string, text: string, least: number, most: number): number {
  const value = numberFrom(option, text, least, most);
  if (!Number.isInteger(value)) throw new TypeError(`${option} must be a whole number`);
  return value;
}

function numberFrom(option: string, text: string, least: number, most: number): number {
  const value = Number(text);
  if (text.trim() === '' || !(value >= least && value <= most)) {
    throw new TypeError(`${option} must be a number from ${least} to ${most}, not "${text}"`);
  }
  return value;
}
