import { ConnectionError } from '../errors/failures.js';
import { type Connection } from '../transport/connection.js';
import { SERVING } from '../transport/health.js';
import { type CallOptions } from '../types/call.js';
import { wireOptions } from './call-settings.js';

/**
 * Resolves when the server says that it serves, which it does once its start-up models are loaded.
 * @throws ConnectionError when nothing answers, TimeoutError and CancelledError as `call` says
 */
export async function untilServing(connection: Connection, call: CallOptions): Promise<void> {
  for await (const { status } of connection.health.watch({ service: '' }, wireOptions(call)))
    if (status === SERVING) return;
  throw new ConnectionError('the server stopped telling whether it serves', {
    code: 'UNAVAILABLE',
  });
}
