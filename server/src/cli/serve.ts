import { type Invocation } from './command.js';
import { CommandFailure, EXIT } from './failure.js';
import { type Io, note, writeJson } from './io.js';
import { embeddedNote, modelPair } from './pair.js';
import { configOf } from './server-config.js';
import { startConfigured } from './start-server.js';

/** `outrider serve`: a server that runs until it is told to stop, and then drains. */
export async function serve({ settings, io, json, signal }: Invocation): Promise<void> {
  const pair = modelPair(settings, { paths: 'ours', withoutModel: 'embedded' });
  const config = configOf(settings, pair);
  const remark = embeddedNote(pair);
  if (remark !== undefined) note(io, remark);
  const server = await startConfigured(config);
  const stopped = aborted(signal);
  const stopReloading = io.onReload(() => server.reload());
  try {
    await announce(io, json, {
      event: 'listening',
      address: server.address,
      ...(server.adminAddress === undefined ? {} : { admin: server.adminAddress }),
    });
    const first = await Promise.race([server.ready.then(() => 'ready' as const), stopped]);
    if (first === 'ready') {
      await announce(io, json, { event: 'ready' });
      await stopped;
    }
  } finally {
    stopReloading();
    await server.close();
  }
}

interface Announcement {
  readonly event: 'listening' | 'ready';
  readonly address?: string;
  /** `host:port` of the admin port, if there is one. */
  readonly admin?: string;
}

async function announce(io: Io, json: boolean, announcement: Announcement): Promise<void> {
  const { event, address } = announcement;
  const line = address === undefined ? event : `${event} ${address}`;
  try {
    await (json ? writeJson(io, announcement) : io.write(`${line}\n`));
  } catch (error) {
    // A server serves on when nobody reads what it says.
    if (!(error instanceof CommandFailure) || error.exit !== EXIT.done) throw error;
  }
}

function aborted(signal: AbortSignal): Promise<'stopped'> {
  return new Promise(resolve => {
    if (signal.aborted) resolve('stopped');
    else signal.addEventListener('abort', () => resolve('stopped'), { once: true });
  });
}
