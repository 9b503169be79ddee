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
  /** @throws Error when there is no engine process, or no `/proc` to find it in */
  readonly enginePid: number;
}

const START_MS = 60_000;

/**
 * Starts the built `outrider serve` on a free port and waits until it is ready.
 * @param flags more of them; without `--model` it loads the embedded pair as `target` and `draft`
 * @throws Error with the end of its log when it is not ready within a minute
 */
export async function startPrivateServer(flags: readonly string[] = []): Promise<PrivateServer> {
  // No admin port: benchmarks run several servers at once.
  const place = ['--port', '0', '--admin', 'off'];
  const command = [OUTRIDER_COMMAND, 'serve', ...place, '--json', ...flags];
  const child = spawn(process.execPath, command, { stdio: ['ignore', 'pipe', 'pipe'] });
  endWithUs(child);
  let log = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    log = (log + text).slice(-4_000);
  });
  const ended = once(child, 'close');
  const stop = async (signal: NodeJS.Signals): Promise<void> => {
    child.kill(signal);
    await ended;
  };
  try {
    const address = await untilReady(child, ended);
    const pid = child.pid ?? 0;
    return {
      address,
      pid,
      get enginePid() {
        const [engine] = childrenOf(pid);
        if (engine === undefined) throw new Error('the engine process was not found');
        return engine;
      },
      [Symbol.asyncDispose]: async () => stop('SIGTERM'),
    };
  } catch (error) {
    await stop('SIGKILL');
    throw new Error(`outrider serve did not start: ${log}`, { cause: error });
  }
}

async function untilReady(child: ChildProcess, ended: Promise<unknown>): Promise<string> {
  if (child.stdout === null) throw new Error('it has no output');
  const lines = createInterface({ input: child.stdout });
  const late = new AbortController();
  const timer = setTimeout(() => {
    late.abort(new Error(`not ready within ${START_MS} ms`));
  }, START_MS);
  try {
    return await Promise.race([
      addressFrom(lines),
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

async function addressFrom(lines: AsyncIterable<string>): Promise<string> {
  let address: string | undefined;
  for await (const line of lines) {
    // Both lines are the server's documented start-up events.
    const said = JSON.parse(line) as { event: string; address?: string };
    if (said.event === 'listening') address = said.address;
    if (said.event === 'ready' && address !== undefined) return address;
  }
  throw new Error('it was never ready');
}
