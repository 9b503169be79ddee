import { type Flag } from './flag.js';

/** How long a server may take. */
export const TIMEOUT_FLAG: Flag = {
  name: 'timeout',
  value: 'MS',
  help: 'give up after so many milliseconds',
};

/** Flags that tell a server who calls, and make sure of the server. */
export const CLIENT_ACCESS_FLAGS: readonly Flag[] = [
  {
    name: 'api-key-file',
    value: 'FILE',
    help: 'key for the server: the first in this file (else OUTRIDER_API_KEY)',
  },
  { name: 'tls', help: 'encrypt the connection' },
  { name: 'tls-ca', value: 'FILE', help: "authorities of the server (the system's); as --tls" },
  { name: 'tls-cert', value: 'FILE', help: 'own certificate, if the server wants one; as --tls' },
  { name: 'tls-key', value: 'FILE', help: 'private key of the own certificate' },
];

/** Flags of every command that calls a server. */
export const CLIENT_FLAGS: readonly Flag[] = [
  {
    name: 'address',
    value: 'ADDRESS',
    help: 'server: host:port or unix:///path (localhost:50051)',
  },
  ...CLIENT_ACCESS_FLAGS,
  TIMEOUT_FLAG,
];

/** Flag of every command. */
export const JSON_FLAG: Flag = { name: 'json', help: 'one JSON object a line on standard output' };
