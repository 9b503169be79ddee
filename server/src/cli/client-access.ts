import { readFileSync } from 'node:fs';
import { ChannelCredentials } from '@grpc/grpc-js';
import { CodedError } from '../coded-error.js';
import { readApiKeys } from '../rpc/security/api-keys.js';
import { whyOf } from '../caught-error.js';
import { usage } from './failure.js';
import { CLIENT_ACCESS_FLAGS } from './flags/client-flags.js';
import { type Settings } from './settings.js';

/** How a client shows who it is, and whom it believes. */
export interface ClientAccess {
  /** Bearer token of every call. @default undefined: none */
  readonly apiKey?: string | undefined;
  /** @default plain text */
  readonly credentials?: ChannelCredentials | undefined;
}

/**
 * What the flags say: `--api-key-file` (else `OUTRIDER_API_KEY`), `--tls`, `--tls-ca`, `--tls-cert` and `--tls-key`.
 * The key itself is no flag, because every process of the machine can read command lines.
 * @throws CommandFailure USAGE for files that cannot be used
 */
export function clientAccess(
  settings: Settings,
  env: Readonly<Record<string, string | undefined>>,
): ClientAccess {
  return { apiKey: apiKey(settings, env), credentials: credentials(settings) };
}

/** @throws CommandFailure USAGE when a flag asks for access to a server that is a command's own */
export function refuseAccessFlags(settings: Settings): void {
  const flag = CLIENT_ACCESS_FLAGS.find(({ name }) => settings.get(name)?.from === 'flag');
  if (flag !== undefined) {
    throw usage(`--${flag.name} needs --address: without it the server is this command's own`);
  }
}

function apiKey(
  settings: Settings,
  env: Readonly<Record<string, string | undefined>>,
): string | undefined {
  const file = settings.get('api-key-file');
  const direct = env['OUTRIDER_API_KEY'] ?? '';
  // What is typed for this call is stronger than what is there for all of them.
  if (direct !== '' && file?.from !== 'flag') {
    if (!/^[\x21-\x7e]{1,512}$/.test(direct)) throw usage('OUTRIDER_API_KEY: is no key');
    return direct;
  }
  const path = settings.text('api-key-file');
  if (path === undefined) return undefined;
  try {
    return readApiKeys(path)[0]?.token;
  } catch (error) {
    if (error instanceof CodedError)
      throw usage(`${origin(settings, 'api-key-file')}: ${error.message}`);
    throw error;
  }
}

function credentials(settings: Settings): ChannelCredentials | undefined {
  const [ca, cert, key] = ['tls-ca', 'tls-cert', 'tls-key'].map(flag => fileOf(settings, flag));
  if ((cert === undefined) !== (key === undefined)) {
    throw usage('--tls-cert and --tls-key go together');
  }
  if (!settings.isOn('tls') && ca === undefined && cert === undefined) return undefined;
  try {
    return ChannelCredentials.createSsl(ca ?? null, key ?? null, cert ?? null);
  } catch (error) {
    throw usage(`--tls-ca, --tls-cert, --tls-key: ${whyOf(error)}`);
  }
}

function fileOf(settings: Settings, flag: string): Buffer | undefined {
  const path = settings.text(flag);
  if (path === undefined) return undefined;
  try {
    return readFileSync(path);
  } catch (error) {
    throw usage(`${origin(settings, flag)}: "${path}" cannot be read: ${whyOf(error)}`);
  }
}

function origin(settings: Settings, flag: string): string {
  return settings.get(flag)?.origin ?? `--${flag}`;
}
