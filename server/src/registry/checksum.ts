import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import { CodedError } from '../coded-error.js';

/** How a check is followed and given up. */
export interface ChecksumCall {
  readonly signal: AbortSignal;
  /** Called with the part of the file that was read, 0 to 1. */
  readonly onRead: (fraction: number) => void;
}

/**
 * Compares the SHA-256 of a file with a hex digest, of either case.
 * @throws CodedError BAD_MODEL_FILE when it differs; the signal's reason
 */
export async function checkSha256(
  path: string,
  requested: string,
  expected: string,
  call: ChecksumCall,
): Promise<void> {
  const hash = createHash('sha256');
  const { size } = await stat(path);
  let bytes = 0;
  for await (const chunk of createReadStream(path, { highWaterMark: 1 << 20 })) {
    call.signal.throwIfAborted();
    if (!Buffer.isBuffer(chunk)) throw new TypeError('a stream of bytes was expected');
    hash.update(chunk);
    bytes += chunk.length;
    call.onRead(bytes / size);
  }
  const found = hash.digest('hex');
  if (found === expected.toLowerCase()) return;
  throw new CodedError('BAD_MODEL_FILE', `"${requested}" has the SHA-256 ${found}`, {
    metadata: { path: requested, expected: expected.toLowerCase(), found },
    violations: [
      {
        field: 'source.sha256',
        description: `the file has ${found}, not ${expected.toLowerCase()}`,
      },
    ],
  });
}
