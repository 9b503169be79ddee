import {
  type LoadModelRequest,
  type SamplingParams,
  type SpeculationParams,
} from '@outrider/sdk/proto';
import { z } from 'zod';
import { CodedError, invalidField } from '../coded-error.js';
import { DEFAULT_ADMIN, hostAndPort } from './admin-address.js';

/** Everything a server is told at its start. */
export interface ServerConfig {
  /** Address to bind; other than loopback needs TLS and keys or client certificates, or `insecure`. @default '127.0.0.1' */
  readonly host: string;
  /** TCP port; 0 takes any free one. @default 50051 */
  readonly port: number;
  /** `unix:///path` of a socket, in place of host and port. @default undefined */
  readonly listen: string | undefined;
  /** `host:port` of the HTTP port for `/metrics`, `/healthz` and `/readyz`, or `off`; other than loopback needs `insecure`. @default '127.0.0.1:9464' */
  readonly admin: string;
  /** Folders that `source.path` of a request must resolve inside. @default the working directory */
  readonly modelRoots: readonly string[];
  /** Generations that may wait for one model. @default 64 */
  readonly maxQueue: number;
  /** How long a reader may stall before its call is ended, in milliseconds. @default 30000 */
  readonly slowConsumerMs: number;
  /** How long running calls may go on after `close`, in milliseconds. @default 30000 */
  readonly drainMs: number;
  /** How long health and `/readyz` already tell of the end while calls are still taken, in milliseconds. @default 0 */
  readonly drainDelayMs: number;
  /** How long an engine may make no progress before it is reported, in milliseconds; 0: for ever. @default 10000 */
  readonly stallReportMs: number;
  /** How long an engine may make no progress before it is restarted, in milliseconds; 0: for ever. @default 120000 */
  readonly stallRestartMs: number;
  /** Resident memory above which an engine is restarted once it is idle, in MiB; 0: none. Linux only. @default 0 */
  readonly engineMaxRss: number;
  /** `auto` serves reflection while there is no TLS. @default 'auto' */
  readonly reflection: 'auto' | 'on' | 'off';
  /** Allows an address other than loopback that is not encrypted or open to anybody. @default false */
  readonly insecure: boolean;
  /** Lets requests have drafts accepted by dice, for benchmarks. @default false */
  readonly allowSynthetic: boolean;
  /** Lets requests begin with KV that others left, and leave theirs: `cache_prompt`. @default true */
  readonly cachePrompt: boolean;
  /** PEM file of the server's certificate and its chain; turns TLS on. @default undefined: plain text */
  readonly tlsCert: string | undefined;
  /** PEM file of the certificate's private key. @default undefined */
  readonly tlsKey: string | undefined;
  /** PEM file of the authorities of client certificates; then every client needs one. @default undefined */
  readonly tlsCa: string | undefined;
  /** File of bearer tokens, as `parseApiKeys` reads it. @default undefined: callers need none */
  readonly apiKeyFile: string | undefined;
  /**
   * Folder with the llama.cpp libraries, or `last`: node-llama-cpp's last local build.
   * @default undefined: those of the installed packages
   */
  readonly llamaDir: string | undefined;
  /** RPC workers of llama.cpp, `host:port` each, whose devices the default engine offers. @default [] */
  readonly rpc: readonly string[];
  /** Folder that remembers what clients loaded, for the next start. @default undefined: nothing is remembered */
  readonly stateDir: string | undefined;
  /** Lowest level that is logged. @default 'info' */
  readonly logLevel: LogLevel;
  /** What requests use for fields that they leave unset. @default nothing: the contract's own defaults */
  readonly defaults: {
    readonly sampling: Partial<SamplingParams>;
    readonly speculation: Partial<SpeculationParams>;
  };
  /** Loaded at start, in order; they may name files outside the roots. @default [] */
  readonly models: readonly LoadModelRequest[];
}

/** Levels of the log, as pino names them. */
export type LogLevel = (typeof LOG_LEVELS)[number];

/**
 * Checks settings and fills in the defaults.
 * @throws CodedError INVALID_FIELD with every wrong key
 */
export function serverConfig(partial: Partial<ServerConfig> = {}): ServerConfig {
  const parsed = schema.safeParse(partial);
  if (!parsed.success) throw refusal(parsed.error);
  const { listen, llamaDir, stateDir, tlsCert, tlsKey, tlsCa, apiKeyFile, ...rest } = parsed.data;
  const config = { ...rest, listen, llamaDir, stateDir, tlsCert, tlsKey, tlsCa, apiKeyFile };
  checkTls(config);
  checkExposure(config);
  checkAdmin(config);
  checkSupervision(config);
  return config;
}

function checkTls({ tlsCert, tlsKey, tlsCa }: ServerConfig): void {
  if (tlsCert === undefined && (tlsKey !== undefined || tlsCa !== undefined)) {
    throw invalidField('tlsCert', 'is missing; a key or authorities need a certificate');
  }
  if (tlsCert !== undefined && tlsKey === undefined) {
    throw invalidField('tlsKey', 'is missing; a certificate needs its private key');
  }
}

function checkAdmin({ admin, insecure }: ServerConfig): void {
  const place = hostAndPort(admin);
  if (place === undefined || insecure || isLoopback(place.host)) return;
  // Whatever protects the calls does not protect this port.
  throw invalidField(
    'admin',
    `admin is at "${place.host}", which is not loopback; that needs "insecure"`,
  );
}

function checkSupervision({ stallReportMs, stallRestartMs, engineMaxRss }: ServerConfig): void {
  if (stallRestartMs > 0 && stallRestartMs < stallReportMs) {
    throw invalidField(
      'stallRestartMs',
      `stallRestartMs is ${stallRestartMs}, which is before the report at ${stallReportMs}; name a later time, or 0`,
    );
  }
  if (engineMaxRss > 0 && process.platform !== 'linux') {
    throw invalidField(
      'engineMaxRss',
      'engineMaxRss needs Linux, where memory can be read; 0 is right here',
    );
  }
}

function checkExposure(config: ServerConfig): void {
  const { listen, host, insecure, tlsCert, tlsCa, apiKeyFile } = config;
  if (listen !== undefined || insecure || isLoopback(host)) return;
  const closed = apiKeyFile !== undefined || tlsCa !== undefined;
  if (tlsCert !== undefined && closed) return;
  const missing = [
    ...(tlsCert === undefined ? ['TLS'] : []),
    ...(closed ? [] : ['keys or client certificates']),
  ].join(' and ');
  throw invalidField(
    'host',
    `host is "${host}", which is not loopback; without ${missing} that needs "insecure"`,
  );
}

const LOG_LEVELS = ['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'] as const;

const message = <T extends object>() =>
  z.custom<T>(value => typeof value === 'object' && value !== null && !Array.isArray(value), {
    error: 'an object is needed',
  });

// A timer that is longer fires at once.
const milliseconds = z.int().max(2 ** 31 - 1);

const schema = z.strictObject({
  host: z.string().min(1).default('127.0.0.1'),
  port: z.int().min(0).max(65_535).default(50_051),
  listen: z
    .string()
    .regex(/^unix:\/\/\/./, { error: 'only unix:///path is understood' })
    .optional(),
  admin: z
    .string()
    .refine(text => text === 'off' || hostAndPort(text) !== undefined, {
      error: 'host:port or off is needed',
    })
    .default(DEFAULT_ADMIN),
  modelRoots: z
    .array(z.string().min(1))
    .min(1)
    .default(() => [process.cwd()]),
  maxQueue: z.int().min(0).max(100_000).default(64),
  slowConsumerMs: milliseconds.min(1).default(30_000),
  drainMs: milliseconds.min(0).default(30_000),
  drainDelayMs: milliseconds.min(0).default(0),
  stallReportMs: milliseconds.min(0).default(10_000),
  stallRestartMs: milliseconds.min(0).default(120_000),
  engineMaxRss: z
    .int()
    .min(0)
    .max(2 ** 31 - 1)
    .default(0),
  reflection: z.enum(['auto', 'on', 'off']).default('auto'),
  insecure: z.boolean().default(false),
  allowSynthetic: z.boolean().default(false),
  cachePrompt: z.boolean().default(true),
  tlsCert: z.string().min(1).optional(),
  tlsKey: z.string().min(1).optional(),
  tlsCa: z.string().min(1).optional(),
  apiKeyFile: z.string().min(1).optional(),
  llamaDir: z.string().min(1).optional(),
  stateDir: z.string().min(1).optional(),
  rpc: z
    .array(z.string().refine(isEndpoint, { error: 'host:port is needed' }))
    .refine(endpoints => new Set(endpoints).size === endpoints.length, {
      error: 'a worker is named twice',
    })
    .default([]),
  logLevel: z.enum(LOG_LEVELS).default('info'),
  defaults: z
    .strictObject({
      sampling: message<Partial<SamplingParams>>().default(() => ({})),
      speculation: message<Partial<SpeculationParams>>().default(() => ({})),
    })
    .default(() => ({ sampling: {}, speculation: {} })),
  models: z.array(message<LoadModelRequest>()).default(() => []),
});

function refusal(error: z.ZodError): CodedError {
  const violations = error.issues.map(issue => ({
    field: issue.path.map(String).join('.') || '(all)',
    description: issue.message,
  }));
  const summary = violations.map(v => `${v.field}: ${v.description}`).join('; ');
  return new CodedError('INVALID_FIELD', `the configuration is wrong: ${summary}`, { violations });
}

/** llama.cpp looks names up as IPv4 and cuts at the first colon. */
function isEndpoint(text: string): boolean {
  const port = Number(/^[^\s:,[\]]+:(\d{1,5})$/.exec(text)?.[1] ?? 0);
  return port > 0 && port <= 65_535;
}

function isLoopback(host: string): boolean {
  const bare = host.replace(/^\[|\]$/g, '');
  return bare === 'localhost' || bare === '::1' || /^127(\.\d{1,3}){3}$/.test(bare);
}
