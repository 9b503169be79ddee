import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { BadRequest, ErrorInfo } from 'nice-grpc-error-details';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const BUF = join(ROOT, 'node_modules', '.bin', 'buf');
const CACHE = mkdtempSync(join(tmpdir(), 'buf-cache-'));

/** What `buf curl` said. */
export interface BufCall {
  /** Messages received, in protobuf's JSON: lowerCamelCase, zeros left out. */
  readonly responses: readonly Readonly<Record<string, unknown>>[];
  /** 0, or eight times the gRPC status code. */
  readonly exitCode: number | null;
  /** How it failed; unset after a success. */
  readonly error?: BufFailure;
}

/** A failed status. */
export interface BufFailure {
  /** In snake_case, for example `invalid_argument`. */
  readonly code: string;
  readonly message: string;
  /** Of ErrorInfo; empty without one. */
  readonly reason: string;
  /** Of ErrorInfo. */
  readonly metadata: Readonly<Record<string, string>>;
  /** Field paths of BadRequest. */
  readonly violations: readonly string[];
}

/**
 * Makes one call with the Go client of buf, over cleartext HTTP/2.
 * @param method full name, for example `outrider.v1.GenerateService/Generate`
 * @param flags more flags; without `--schema` it asks the service's reflection for the messages
 */
export async function bufCurl(
  address: string,
  method: string,
  request: object,
  flags: readonly string[] = [],
): Promise<BufCall> {
  const args = ['curl', '--http2-prior-knowledge', '--protocol', 'grpc', ...flags];
  const target = `http://${address}/${method}`;
  const child = spawn(BUF, [...args, '-d', JSON.stringify(request), target], {
    cwd: ROOT,
    env: { ...process.env, BUF_CACHE_DIR: CACHE },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let stdout = '';
  let stderr = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => (stdout += text));
  child.stderr.setEncoding('utf8').on('data', (text: string) => (stderr += text));
  await once(child, 'close');
  const failure = child.exitCode === 0 ? {} : { error: readFailure(stderr) };
  return { responses: parseMessages(stdout), exitCode: child.exitCode, ...failure };
}

/** Messages come one after another, each on one line or on several. */
function parseMessages(stdout: string): Readonly<Record<string, unknown>>[] {
  if (stdout.trim() === '') return [];
  return stdout
    .trim()
    .split(/\n(?=\{)/)
    .map(text => JSON.parse(text) as Record<string, unknown>);
}

/** Details come as base64, because the service's schema has no google.rpc types. */
function readFailure(stderr: string): BufFailure {
  const begin = stderr.indexOf('{');
  if (begin === -1) throw new Error(`buf curl failed without a status:\n${stderr}`);
  const said = JSON.parse(stderr.slice(begin)) as PrintedStatus;
  const bytesOf = (type: string) =>
    (said.details ?? [])
      .filter(detail => detail.type === `google.rpc.${type}`)
      .map(detail => Buffer.from(detail.value, 'base64'));
  const [info] = bytesOf('ErrorInfo').map(bytes => ErrorInfo.decode(bytes));
  const requests = bytesOf('BadRequest').map(bytes => BadRequest.decode(bytes));
  return {
    code: said.code,
    message: said.message,
    reason: info?.reason ?? '',
    metadata: info?.metadata ?? {},
    violations: requests.flatMap(({ fieldViolations }) =>
      fieldViolations.map(({ field }) => field),
    ),
  };
}

interface PrintedStatus {
  readonly code: string;
  readonly message: string;
  readonly details?: readonly { readonly type: string; readonly value: string }[];
}
