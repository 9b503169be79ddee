import { clientAccess } from './client-access.js';
import { type Invocation } from './command.js';
import { connect, type Connection } from './connection.js';
import { count } from './flags/values.js';

/** Where a client looks for a server unless told. */
export const DEFAULT_ADDRESS = 'localhost:50051';

/**
 * Connects as `--address`, `--timeout` and the flags of access say, lends the connection, and closes it.
 * @param ownAddress a server of this command's own, which needs no access
 */
export async function withServer<Result>(
  { settings, signal, io }: Invocation,
  use: (connection: Connection) => Promise<Result>,
  ownAddress?: string,
): Promise<Result> {
  const timeoutMs = settings.value('timeout', count);
  const address = ownAddress ?? settings.text('address') ?? DEFAULT_ADDRESS;
  const access = ownAddress === undefined ? clientAccess(settings, io.env) : {};
  const connection = await connect(address, { signal, timeoutMs, ...access });
  try {
    return await use(connection);
  } finally {
    connection.close();
  }
}

/** The contract's name of a model that may be given as its bare id. */
export function modelName(text: string): string {
  return text.startsWith('models/') ? text : `models/${text}`;
}
