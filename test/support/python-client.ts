import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';

/** The distribution's Python: a version manager's has no gRPC package of the distribution. */
export const PYTHON = '/usr/bin/python3';

/** Why no Python client can call; `undefined` where one can. */
export function noPythonClient(): string | undefined {
  const probe = spawnSync(PYTHON, ['-c', 'import grpc, google.protobuf'], { encoding: 'utf8' });
  if (probe.status === 0) return undefined;
  const why = probe.error?.message ?? probe.stderr.trim().split('\n').at(-1) ?? '';
  return `needs python3-grpcio and python3-protobuf; ${why}`;
}

const SCRIPT = fileURLToPath(new URL('python/client.py', import.meta.url));

/** How the script makes the call. */
export interface PythonCallOptions {
  /** Deadline in seconds. @default none */
  readonly timeoutS?: number;
  /** Cancel after so many responses. @default never */
  readonly cancelAfter?: number;
  /** `x-request-id` to send. @default none */
  readonly requestId?: string;
  /** PEM files; an authority turns TLS on. @default plain text */
  readonly tls?: { readonly ca: string; readonly cert?: string; readonly key?: string };
  /** Bearer token; Python sends one over TLS only. @default none */
  readonly apiKey?: string;
}

/** What a Python client saw of a call; names and values as protobuf's JSON has them, zeros left out. */
export interface PythonCall {
  readonly responses: readonly Readonly<Record<string, unknown>>[];
  readonly status: {
    readonly code: string;
    readonly message: string;
    readonly details: readonly Readonly<Record<string, unknown>>[];
    readonly trailers: Readonly<Record<string, string>>;
  };
}

/**
 * Makes one call, unary or streaming, with Python's gRPC stack.
 * @param method full name, for example `outrider.v1.GenerateService/Generate`
 * @throws Error with Python's stderr when the script itself fails; a failed call is no exception
 */
export async function callFromPython(
  address: string,
  method: string,
  request: object,
  { timeoutS, cancelAfter, requestId, tls, apiKey }: PythonCallOptions = {},
): Promise<PythonCall> {
  const flags = [
    ...(timeoutS === undefined ? [] : ['--timeout', String(timeoutS)]),
    ...(cancelAfter === undefined ? [] : ['--cancel-after', String(cancelAfter)]),
    ...(requestId === undefined ? [] : ['--request-id', requestId]),
    ...Object.entries(tls ?? {}).flatMap(([name, path]) => [`--tls-${name}`, path]),
    ...(apiKey === undefined ? [] : ['--api-key', apiKey]),
  ];
  const child = spawn(PYTHON, [SCRIPT, address, method, JSON.stringify(request), ...flags], {
    env: { ...process.env, PYTHONDONTWRITEBYTECODE: '1' },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let stdout = '';
  let stderr = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => (stdout += text));
  child.stderr.setEncoding('utf8').on('data', (text: string) => (stderr += text));
  await once(child, 'close');
  if (child.exitCode !== 0) throw new Error(`${method} from Python failed:\n${stderr}`);

  const lines = stdout.trim().split('\n').map(parseLine);
  const responses = lines.flatMap(({ response }) => (response === undefined ? [] : [response]));
  const status = lines.at(-1)?.status;
  if (status === undefined) throw new Error(`${method} from Python said no status:\n${stdout}`);
  return { responses, status };
}

interface Line {
  readonly response?: PythonCall['responses'][number];
  readonly status?: PythonCall['status'];
}

function parseLine(line: string): Line {
  return JSON.parse(line) as Line;
}
