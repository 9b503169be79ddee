import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

const COMMAND = fileURLToPath(new URL('../../server/dist/main.js', import.meta.url));
// Spinning barriers of several threads cost seconds per token where other processes hold the cores.
const ONE_THREAD = { OUTRIDER_THREADS: '1', OUTRIDER_THREADS_DRAFT: '1' };
// Several services run at once; a test that wants the port names it.
const NO_ADMIN = { OUTRIDER_ADMIN: 'off' };
// Every step of a stream is held against the invariants of its record.
const ASSERTING = { OUTRIDER_DEBUG: '1' };
const START_TIMEOUT_MS = 60_000;
const STOP_TIMEOUT_MS = 20_000;

/** A service in a process of its own, as a user starts it. Disposing stops it. */
export interface Service extends AsyncDisposable {
  /** What clients connect to: `host:port` or `unix:///…`. */
  readonly address: string;
  /** `host:port` of the admin port; unset unless `--admin` is among the flags. */
  readonly admin: string | undefined;
  /** Process id of the server. */
  readonly pid: number;
  /** Process id of the engine that runs now; unset while there is none, and where there is no `/proc`. */
  readonly enginePid: number | undefined;
  /** Process ids of every engine that runs now; empty where there is no `/proc`. */
  readonly enginePids: readonly number[];
  /** Everything said on stderr so far: the log. */
  readonly log: string;
  /**
   * Drains with SIGTERM.
   * @returns the exit code; null when it had to be killed after 20 seconds or was ended by a signal
   */
  stop(): Promise<number | null>;
  /** Ends the server with a signal, without draining, and waits until it is gone. @default SIGKILL */
  kill(signal?: NodeJS.Signals): Promise<void>;
}

/**
 * Starts the built command, `serve --json` on a free port (or where `--listen` says) with the given flags, and waits until it is ready.
 * Without `-m` it has loaded the embedded pair then, as `models/target` and `models/draft`, with one thread each. A stream
 * whose statistics contradict themselves fails with ENGINE_ERROR.
 * @throws Error with the command's stderr when it exits early or is not ready within 60 seconds
 * @example
 * await using service = await startService(['--max-queue', '1']);
 */
export async function startService(
  args: readonly string[] = [],
  env: Readonly<Record<string, string>> = {},
): Promise<Service> {
  if (!existsSync(COMMAND)) throw new Error(`${COMMAND} is missing; build first`);
  const where = args.includes('--listen') ? [] : ['--port', '0'];
  const child = spawn(process.execPath, [COMMAND, 'serve', ...where, '--json', ...args], {
    env: { ...process.env, NODE_OPTIONS: '', ...ONE_THREAD, ...NO_ADMIN, ...ASSERTING, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let log = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => (log += text));
  const ended = once(child, 'close').then(() => child.exitCode);

  let place: Place;
  try {
    place = await untilReady(child, ended);
  } catch (error) {
    child.kill('SIGKILL');
    await ended;
    const reason = error instanceof Error ? error.message : String(error);
    throw new Error(`serve ${args.join(' ')}: ${reason}\n${log}`, { cause: error });
  }

  const pid = child.pid ?? -1;
  const isOver = () => child.exitCode !== null || child.signalCode !== null;
  const kill = async (signal: NodeJS.Signals = 'SIGKILL'): Promise<void> => {
    if (!isOver()) child.kill(signal);
    await ended;
  };
  const stop = async (): Promise<number | null> => {
    if (!isOver()) child.kill('SIGTERM');
    const timer = setTimeout(() => child.kill('SIGKILL'), STOP_TIMEOUT_MS);
    try {
      return await ended;
    } finally {
      clearTimeout(timer);
    }
  };
  return {
    ...place,
    pid,
    get enginePid() {
      return childrenNamed(pid, 'engine')[0];
    },
    get enginePids() {
      return childrenNamed(pid, 'engine');
    },
    get log() {
      return log;
    },
    stop,
    kill,
    async [Symbol.asyncDispose]() {
      await stop();
    },
  };
}

type Place = Pick<Service, 'address' | 'admin'>;

/** The addresses, once both lines were said. */
async function untilReady(child: ChildProcess, ended: Promise<number | null>): Promise<Place> {
  if (child.stdout === null) throw new Error('the command has no stdout');
  const lines = createInterface({ input: child.stdout });
  let timer: NodeJS.Timeout | undefined;
  try {
    return await Promise.race([
      new Promise<Place>((resolve, reject) => {
        let place: Place | undefined;
        lines.on('line', line => {
          const said = readEvent(line);
          if (said?.event === 'listening' && said.address !== undefined)
            place = { address: said.address, admin: said.admin };
          if (said?.event !== 'ready') return;
          if (place === undefined) reject(new Error('ready came before an address'));
          else resolve(place);
        });
      }),
      ended.then(code => {
        throw new Error(`the command ended with ${code ?? child.signalCode ?? 'no code'}`);
      }),
      new Promise<never>((_, reject) => {
        timer = setTimeout(() => {
          reject(new Error(`not ready within ${START_TIMEOUT_MS} ms`));
        }, START_TIMEOUT_MS);
      }),
    ]);
  } finally {
    clearTimeout(timer);
    lines.removeAllListeners('line');
    // Read on, or a talkative server blocks on a full pipe.
    child.stdout.resume();
  }
}

function readEvent(line: string): { event?: string; address?: string; admin?: string } | undefined {
  try {
    const said: unknown = JSON.parse(line);
    return typeof said === 'object' && said !== null ? said : undefined;
  } catch {
    return undefined;
  }
}

/** Process ids of the children of `parent` whose command line contains `word`. */
function childrenNamed(parent: number, word: string): number[] {
  if (!existsSync('/proc/self/stat')) return [];
  return readdirSync('/proc')
    .filter(name => /^\d+$/.test(name))
    .map(Number)
    .filter(pid => parentOf(pid) === parent && commandLine(pid).includes(word));
}

function parentOf(pid: number): number | undefined {
  // The second field is the command in parentheses and may itself contain some.
  const afterCommand = readProc(pid, 'stat').split(')').at(-1)?.trim().split(' ');
  return afterCommand?.[1] === undefined ? undefined : Number(afterCommand[1]);
}

function commandLine(pid: number): string {
  return readProc(pid, 'cmdline');
}

/** A file of a process, or nothing when the process is gone. */
function readProc(pid: number, file: string): string {
  try {
    return readFileSync(`/proc/${pid}/${file}`, 'utf8');
  } catch {
    return '';
  }
}
