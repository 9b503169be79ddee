import { type Invocation } from './command.js';
import { connect, type Connection } from './connection.js';
import { count } from './flags/values.js';

/** Where a client looks for a server unless told. */
export const DEFAULT_ADDRESS = 'localhost:50051';

/** Connects as `--address` and `--timeout` say, lends the connection, and closes it. */
export async function withServer<Result>(
  { settings, signal }: Invocation,
  use: (connection: Connection) => Promise<Result>,
  address = settings.text('address') ?? DEFAULT_ADDRESS,
): Promise<Result> {
  const timeoutMs = settings.value('timeout', count);
  const connection = await connect(address, { signal, timeoutMs });
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
