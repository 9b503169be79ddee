import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { endWithUs } from './child-processes.js';
import { OUTRIDER_COMMAND } from './places.js';
import { childrenOf } from './processes.js';

/** An Outrider server that nobody else uses. */
export interface PrivateServer extends AsyncDisposable {
  /** `host:port` on the loopback. */
  readonly address: string;
  readonly pid: number;
  /** `host:port` of the admin port; unset unless `--admin` is among the flags. */
  readonly admin: string | undefined;
  /** @throws Error when there is no engine process, or no `/proc` to find it in */
  readonly enginePid: number;
  /** Drains it. @returns its exit code; null when a signal ended it */
  stop(): Promise<number | null>;
}

const START_MS = 60_000;

/**
 * Starts the built `outrider serve` on a free port and waits until it is ready.
 * @param flags more of them; without `--model` it loads the embedded pair as `target` and `draft`
 * @param onLog given what it says on stderr, piece by piece. @default nobody is
 * @throws Error with the end of its log when it is not ready within a minute
 */
export async function startPrivateServer(
  flags: readonly string[] = [],
  onLog: (text: string) => void = () => undefined,
): Promise<PrivateServer> {
  // Benchmarks run several servers at once, whose admin ports would be in each other's way.
  const place = ['--port', '0', ...(flags.includes('--admin') ? [] : ['--admin', 'off'])];
  const command = [OUTRIDER_COMMAND, 'serve', ...place, '--json', ...flags];
  const child = spawn(process.execPath, command, { stdio: ['ignore', 'pipe', 'pipe'] });
  endWithUs(child);
  let log = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    log = (log + text).slice(-4_000);
    onLog(text);
  });
  const ended = once(child, 'close');
  const stop = async (signal: NodeJS.Signals): Promise<number | null> => {
    child.kill(signal);
    await ended;
    return child.exitCode;
  };
  try {
    const { address, admin } = await untilReady(child, ended);
    const pid = child.pid ?? 0;
    return {
      address,
      admin,
      pid,
      get enginePid() {
        const [engine] = childrenOf(pid);
        if (engine === undefined) throw new Error('the engine process was not found');
        return engine;
      },
      stop: async () => stop('SIGTERM'),
      [Symbol.asyncDispose]: async () => {
        await stop('SIGTERM');
      },
    };
  } catch (error) {
    await stop('SIGKILL');
    throw new Error(`outrider serve did not start: ${log}`, { cause: error });
  }
}

type Place = Pick<PrivateServer, 'address' | 'admin'>;

async function untilReady(child: ChildProcess, ended: Promise<unknown>): Promise<Place> {
  if (child.stdout === null) throw new Error('it has no output');
  const lines = createInterface({ input: child.stdout });
  const late = new AbortController();
  const timer = setTimeout(() => {
    late.abort(new Error(`not ready within ${START_MS} ms`));
  }, START_MS);
  try {
    return await Promise.race([
      placeFrom(lines),
      ended.then(() => {
        throw new Error(`it ended with ${child.exitCode ?? 'a signal'}`);
      }),
      once(late.signal, 'abort').then(() => {
        throw late.signal.reason;
      }),
    ]);
  } finally {
    clearTimeout(timer);
    // A full pipe would block the server.
    child.stdout.resume();
  }
}

async function placeFrom(lines: AsyncIterable<string>): Promise<Place> {
  let place: Place | undefined;
  for await (const line of lines) {
    // Both lines are the server's documented start-up events.
    const said = JSON.parse(line) as { event: string; address?: string; admin?: string };
    if (said.event === 'listening' && said.address !== undefined)
      place = { address: said.address, admin: said.admin };
    if (said.event === 'ready' && place !== undefined) return place;
  }
  throw new Error('it was never ready');
}
