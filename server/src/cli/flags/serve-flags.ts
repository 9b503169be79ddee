import { type Flag } from './flag.js';

/** HTTP port for operators; for `serve`, and for whatever reads it. */
export const ADMIN_FLAG: Flag = {
  name: 'admin',
  value: 'HOST:PORT',
  help: 'HTTP port for /metrics, /healthz and /readyz, or off (127.0.0.1:9464)',
};

/** File that other flags of the server may be written in. */
export const CONFIG_FLAG: Flag = {
  name: 'config',
  value: 'FILE',
  help: 'YAML file of these flags in snake_case, defaults and models; flags and environment win',
};

/** Flags of the server itself. */
export const SERVE_FLAGS: readonly Flag[] = [
  { name: 'host', value: 'HOST', help: 'address to listen on (127.0.0.1)' },
  { name: 'port', value: 'N', help: 'port to listen on (50051); 0: any free one' },
  { name: 'listen', value: 'ADDRESS', help: 'unix:///path of a socket, instead of host and port' },
  ADMIN_FLAG,
  {
    name: 'model-root',
    value: 'DIR',
    repeatable: true,
    help: 'folder that LoadModel may read (the working directory)',
  },
  { name: 'insecure', help: 'allow other than loopback addresses without TLS, or without keys' },
  {
    name: 'api-key-file',
    value: 'FILE',
    help: 'keys that callers need: one a line, then a name; read again when it changes',
  },
  { name: 'tls-cert', value: 'FILE', help: 'certificate and chain, PEM; turns TLS on' },
  { name: 'tls-key', value: 'FILE', help: 'private key of the certificate, PEM' },
  { name: 'tls-ca', value: 'FILE', help: 'authorities of client certificates, then required' },
  { name: 'max-queue', value: 'N', help: 'most requests that wait for one model (64)' },
  { name: 'slow-consumer-ms', value: 'MS', help: 'longest stall of a reader (30000)' },
  {
    name: 'drain-delay-ms',
    value: 'MS',
    help: 'how long a shutdown, shown by health and /readyz, still takes calls (0)',
  },
  { name: 'drain-ms', value: 'MS', help: 'grace for running calls at shutdown (30000)' },
  {
    name: 'state-dir',
    value: 'DIR',
    help: 'remembers models that clients loaded, and their drafts, over restarts',
  },
  {
    name: 'stall-report-ms',
    value: 'MS',
    help: 'time without progress after which an engine is reported (10000); 0: never',
  },
  {
    name: 'stall-restart-ms',
    value: 'MS',
    help: 'time without progress after which an engine is restarted (120000); 0: never',
  },
  {
    name: 'engine-max-rss',
    value: 'MiB',
    help: 'resident memory above which an idle engine is restarted; 0: no ceiling (0)',
  },
  { name: 'reflection', value: 'MODE', help: 'gRPC reflection: auto, on, off' },
  { name: 'no-cache-prompt', help: 'evaluate every prompt in full, whatever was sent before' },
  { name: 'allow-synthetic', help: 'let requests have drafts accepted by dice, for benchmarks' },
];

/** Flags of whatever starts an engine. */
export const ENGINE_FLAGS: readonly Flag[] = [
  {
    name: 'llama-dir',
    value: 'DIR',
    help: "folder of the llama.cpp libraries (node-llama-cpp's); last: its last source build",
  },
  {
    name: 'rpc',
    value: 'ENDPOINTS',
    commas: true,
    help: 'RPC workers, host:port between commas; their devices are RPC0, RPC1, …',
  },
];
