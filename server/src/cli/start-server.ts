import { CodedError, type Reason } from '../coded-error.js';
import { type ServerConfig } from '../config/config.js';
import { type RunningServer, startServer } from '../rpc/server.js';
import { usage } from './failure.js';
import { flagOf } from './server-config.js';

/**
 * Starts a server as it was configured.
 * @param nameOf what the person wrote for a key of the configuration @default its flag
 * @throws CommandFailure USAGE for an address that cannot be had, for values that no request may have, and for libraries
 *   or workers that are not there
 */
export async function startConfigured(
  config: ServerConfig,
  nameOf: (field: string) => string = flagOf,
): Promise<RunningServer> {
  try {
    return await startServer(config);
  } catch (error) {
    if (error instanceof CodedError && CONFIGURATION.has(error.reason)) {
      // Paths are fields of defaults and models.
      const wrong = error.violations.map(
        ({ field, description }) =>
          `${field.includes('.') ? field : nameOf(field)}: ${description}`,
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

/** Reasons for which a server does not start as it is told to. */
const CONFIGURATION: ReadonlySet<Reason> = new Set<Reason>([
  'INVALID_FIELD',
  'BACKEND_UNAVAILABLE',
]);
