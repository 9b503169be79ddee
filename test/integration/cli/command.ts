import { type ChildProcessByStdio, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { type Readable, type Writable } from 'node:stream';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';

const COMMAND = fileURLToPath(new URL('../../../server/dist/main.js', import.meta.url));

/** Files of the repository that tests name by path. */
export const TARGET_FILE = fileURLToPath(
  new URL('../../../models/tales-target-f32.gguf', import.meta.url),
);
export const DRAFT_FILE = fileURLToPath(
  new URL('../../../models/tales-draft-f32.gguf', import.meta.url),
);

/** One thread for both models: more only wait for each other on a busy machine. */
export const ONE_THREAD = ['-t', '1', '-td', '1'] as const;

// Several servers run at once; a test that wants the port names it.
const NO_ADMIN = { OUTRIDER_ADMIN: 'off' };

/** What a finished command left. */
export interface Outcome {
  /** Exit status; null when a signal ended it. */
  readonly exit: number | null;
  readonly out: string;
  readonly err: string;
}

/** How a command is started. */
export interface StartOptions {
  readonly env?: Readonly<Record<string, string>>;
  /** @default the working directory of the tests */
  readonly cwd?: string;
}

/** A command that runs. */
export interface Running {
  readonly child: ChildProcessByStdio<Writable, Readable, Readable>;
  /** All of standard error, once it has ended. */
  readonly err: Promise<string>;
  /** Exit status, once it has ended; null when a signal ended it. */
  readonly exit: Promise<number | null>;
}

/** Starts the built command as a shell would, without what the environment of the tests says to it. */
export function start(args: readonly string[], { env = {}, cwd }: StartOptions = {}): Running {
  const clean = Object.entries(process.env).filter(([name]) => !name.startsWith('OUTRIDER_'));
  const child = spawn(process.execPath, [COMMAND, ...args], {
    env: { ...Object.fromEntries(clean), NODE_OPTIONS: '', ...NO_ADMIN, ...env },
    cwd,
    stdio: ['pipe', 'pipe', 'pipe'],
  });
  return { child, err: text(child.stderr), exit: once(child, 'close').then(() => child.exitCode) };
}

/** Runs the built command to its end. */
export async function outrider(
  args: readonly string[],
  { input = '', ...options }: StartOptions & { readonly input?: string } = {},
): Promise<Outcome> {
  const { child, err, exit } = start(args, options);
  child.stdin.end(input);
  const out = await text(child.stdout);
  return { exit: await exit, out, err: await err };
}

/** Every line as JSON. */
export function jsonLines(out: string): unknown[] {
  return out
    .trimEnd()
    .split('\n')
    .map(line => JSON.parse(line) as unknown);
}

/** The first lines of standard output; what comes later is let through. */
export async function firstLines({ child, err }: Running, count: number): Promise<string[]> {
  const lines = createInterface({ input: child.stdout });
  const seen: string[] = [];
  lines.on('line', line => {
    seen.push(line);
    if (seen.length === count) lines.emit('enough');
  });
  const ended = once(child, 'close').then(async () => {
    throw new Error(`it ended before ${count} lines: ${await err}`);
  });
  await Promise.race([once(lines, 'enough'), ended]);
  // It ends some day, and nobody waits for that any more.
  ended.catch(() => undefined);
  return seen;
}
