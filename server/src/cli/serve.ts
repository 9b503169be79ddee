import { CodedError } from '../coded-error.js';
import { type ServerConfig } from '../config/config.js';
import { type RunningServer, startServer } from '../rpc/server.js';
import { type Invocation } from './command.js';
import { CommandFailure, EXIT, usage } from './failure.js';
import { type Io, note, writeJson } from './io.js';
import { embeddedNote, modelPair } from './pair.js';
import { configOf, flagOf } from './server-config.js';

/** `outrider serve`: a server that runs until it is told to stop, and then drains. */
export async function serve({ settings, io, json, signal }: Invocation): Promise<void> {
  const pair = modelPair(settings, { paths: 'ours', withoutModel: 'embedded' });
  const config = configOf(settings, pair);
  const remark = embeddedNote(pair);
  if (remark !== undefined) note(io, remark);
  const server = await start(config);
  const stopped = aborted(signal);
  const stopReloading = io.onReload(() => server.reload());
  try {
    await announce(io, json, { event: 'listening', address: server.address });
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

/** @throws CommandFailure USAGE for an address that cannot be had, and for values that no request may have */
async function start(config: ServerConfig): Promise<RunningServer> {
  try {
    return await startServer(config);
  } catch (error) {
    if (error instanceof CodedError && error.reason === 'INVALID_FIELD') {
      const wrong = error.violations.map(
        ({ field, description }) => `${named(field)}: ${description}`,
      );
      throw usage(wrong.join('; ') || error.message);
    }
    // grpc-js tells these in its text only.
    if (
      error instanceof Error &&
      /\bE(ADDRINUSE|ADDRNOTAVAIL|ACCES|NOTFOUND)\b/.test(error.message)
    ) {
      throw usage(`--host, --port, --listen: ${error.message}`);
    }
    throw error;
  }
}

// Keys of the configuration are in camelCase, fields of messages in snake_case.
function named(field: string): string {
  return /^[a-z]+([A-Z][a-z]+)+$/.test(field) ? flagOf(field) : field;
}

interface Announcement {
  readonly event: 'listening' | 'ready';
  readonly address?: string;
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
