import { type Flag } from './flag.js';

/** How long a server may take. */
export const TIMEOUT_FLAG: Flag = {
  name: 'timeout',
  value: 'MS',
  help: 'give up after so many milliseconds',
};

/** Flags of every command that calls a server. */
export const CLIENT_FLAGS: readonly Flag[] = [
  {
    name: 'address',
    value: 'ADDRESS',
    help: 'server: host:port or unix:///path (localhost:50051)',
  },
  TIMEOUT_FLAG,
];

/** Flag of every command. */
export const JSON_FLAG: Flag = { name: 'json', help: 'one JSON object a line on standard output' };
