import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, parse } from 'node:path';
import { type ServerConfig } from '../config/config.js';
import { checkedConfig } from './server-config.js';
import { startConfigured } from './start-server.js';

/** A server of this process that nobody else can reach. */
export interface PrivateServer extends AsyncDisposable {
  readonly address: string;
}

/**
 * Starts a server on a socket in a folder of its own. It reads any file that this user may read.
 * @param engine what its engine is started with
 */
export async function startPrivateServer(engine: Partial<ServerConfig>): Promise<PrivateServer> {
  const folder = await mkdtemp(join(tmpdir(), 'outrider-'));
  const removeFolder = () => rm(folder, { recursive: true, force: true });
  try {
    const server = await startConfigured(
      checkedConfig({
        ...place(folder),
        modelRoots: [parse(process.cwd()).root],
        admin: 'off',
        drainMs: 0,
        reflection: 'off',
        // Failures reach the command as statuses; a log would only stand between text and figures.
        logLevel: 'error',
        ...engine,
      }),
    );
    const close = async () => {
      await server.close();
      await removeFolder();
    };
    try {
      await server.ready;
    } catch (error) {
      await close();
      throw error;
    }
    return { address: server.address, [Symbol.asyncDispose]: close };
  } catch (error) {
    await removeFolder();
    throw error;
  }
}

// grpc-js has no unix sockets on Windows.
function place(folder: string) {
  if (process.platform === 'win32') return { host: '127.0.0.1', port: 0 };
  return { listen: `unix://${join(folder, 'outrider.sock')}` };
}
