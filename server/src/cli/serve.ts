import { CodedError } from '../coded-error.js';
import { type RunningServer } from '../rpc/server.js';
import { type Invocation } from './command.js';
import { CommandFailure, EXIT } from './failure.js';
import { type Io, note, writeJson } from './io.js';
import { serveConfig } from './serve-config.js';
import { type StartModels } from './start-models.js';
import { startConfigured } from './start-server.js';

/** `outrider serve`: a server that runs until it is told to stop, and then drains. */
export async function serve({ settings, io, json, signal }: Invocation): Promise<void> {
  const { config, models, nameOf } = await serveConfig(settings);
  if (models.remark !== undefined) note(io, models.remark);
  const server = await startConfigured(config, nameOf);
  const stopped = aborted(signal);
  const stopReloading = io.onReload(() => server.reload());
  try {
    await announce(io, json, {
      event: 'listening',
      address: server.address,
      ...(server.adminAddress === undefined ? {} : { admin: server.adminAddress }),
    });
    const ready = readiness(server, models, io);
    const first = await Promise.race([ready.then(() => 'ready' as const), stopped]);
    if (first === 'ready') {
      await announce(io, json, { event: 'ready' });
      await stopped;
    }
  } finally {
    stopReloading();
    await server.close();
  }
}

/**
 * Resolves when traffic should come.
 * @throws CodedError why a model failed that this start was told of. One of a file leaves the server running, for whoever
 *   asks what is wrong and for the other models.
 */
async function readiness(server: RunningServer, models: StartModels, io: Io): Promise<void> {
  if (!models.manifest) return server.ready;
  await server.ready.catch((error: unknown) => {
    const { reason, message } = CodedError.from(error);
    note(io, `not ready: ${reason}: ${message}; load that model again, or unload it`);
  });
  await server.serving;
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
