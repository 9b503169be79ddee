import { describe, expect, it } from '@jest/globals';
import { ClientError, Status } from 'nice-grpc-common';
import { BadRequest, ErrorInfo, RetryInfo, RichClientError } from 'nice-grpc-error-details';
import { interrupted, noServer, usage } from '../../../server/src/cli/failure.js';
import { asFailure, reportFailure } from '../../../server/src/cli/report.js';
import { CodedError } from '../../../server/src/coded-error.js';
import { recordingIo } from './recording-io.js';

const REFUSAL = new RichClientError(
  '/outrider.v1.X/Y',
  Status.INVALID_ARGUMENT,
  'two fields are wrong',
  [
    ErrorInfo.fromPartial({
      reason: 'INVALID_FIELD',
      domain: 'outrider',
      metadata: { request_id: 'r1' },
    }),
    BadRequest.fromPartial({
      fieldViolations: [
        { field: 'sampling.top_p', description: 'top_p is 2; at most 1' },
        { field: 'stop[0]', description: 'stop[0] is empty' },
      ],
    }),
  ],
);

describe('the exit status', () => {
  it.each([
    ['a bug', new Error('oops'), 1],
    ['a failure inside the server of this process', CodedError.from(new Error('oops')), 1],
    ['a wrong command line', usage('--port: too large'), 2],
    ['nobody at the address', noServer('localhost:1'), 3],
    ['a refusal', REFUSAL, 4],
    ['a status without details', new ClientError('/x', Status.UNAVAILABLE, 'gone'), 4],
    ['a refusal by the server of this process', new CodedError('BAD_MODEL_FILE', 'no GGUF'), 4],
    ['an interruption', interrupted(), 130],
    ['an aborted call', Object.assign(new Error('aborted'), { name: 'AbortError' }), 130],
  ])('after %s', (_what, error, exit) => {
    expect(asFailure(error).exit).toBe(exit);
  });
});

describe('a refusal', () => {
  it('is told with code, reason, every wrong field and a remedy', () => {
    expect(told(REFUSAL)).toBe(
      [
        'outrider: INVALID_ARGUMENT INVALID_FIELD: two fields are wrong',
        '  sampling.top_p: top_p is 2; at most 1',
        '  stop[0]: stop[0] is empty',
        '  remedy: correct the fields named above',
        '',
      ].join('\n'),
    );
  });

  it('is one JSON object with --json', () => {
    expect(JSON.parse(told(REFUSAL, true))).toEqual({
      error: {
        code: 'INVALID_ARGUMENT',
        reason: 'INVALID_FIELD',
        message: 'two fields are wrong',
        details: {
          metadata: { request_id: 'r1' },
          fieldViolations: [
            { field: 'sampling.top_p', description: 'top_p is 2; at most 1' },
            { field: 'stop[0]', description: 'stop[0] is empty' },
          ],
        },
      },
    });
  });

  it('says when another attempt may succeed', () => {
    const error = new RichClientError('/x', Status.RESOURCE_EXHAUSTED, 'the queue is full', [
      ErrorInfo.fromPartial({ reason: 'QUEUE_FULL' }),
      RetryInfo.fromPartial({ retryDelay: { seconds: 1, nanos: 500_000_000 } }),
    ]);

    expect(told(error)).toMatch(/remedy: try again later, .* \(in 1500 ms\)\n$/);
    expect(JSON.parse(told(error, true))).toMatchObject({
      error: { details: { retryDelayMs: 1500 } },
    });
  });

  it('of the server in this process looks like one from afar', () => {
    const error = new CodedError('MODEL_FILE_NOT_FOUND', 'no file x.gguf', {
      metadata: { path: 'x.gguf' },
    });

    expect(told(error)).toMatch(/^outrider: NOT_FOUND MODEL_FILE_NOT_FOUND: no file x\.gguf\n/);
    expect(JSON.parse(told(error, true))).toEqual({
      error: {
        code: 'NOT_FOUND',
        reason: 'MODEL_FILE_NOT_FOUND',
        message: 'no file x.gguf',
        details: { metadata: { path: 'x.gguf' } },
      },
    });
  });
});

describe('other failures', () => {
  it('name the address where nobody answers, and how to start a server', () => {
    expect(told(noServer('localhost:1'))).toBe(
      'outrider: UNAVAILABLE NO_SERVER: no Outrider server answers at localhost:1\n' +
        '  remedy: start one with `outrider serve`, or name another with --address\n',
    );
  });

  it('point to the help for a wrong command line', () => {
    expect(told(usage('--port: "x" is not a whole number'))).toBe(
      'outrider: --port: "x" is not a whole number\n' +
        '  remedy: see `outrider help` and `outrider COMMAND --help`\n',
    );
    expect(JSON.parse(told(usage('no'), true))).toMatchObject({ error: { reason: 'USAGE' } });
  });

  it('tell what went wrong inside', () => {
    expect(told(CodedError.from(new Error('disk on fire')))).toMatch(/INTERNAL: disk on fire/);
  });

  it('stay silent about an interruption', () => {
    expect(told(interrupted())).toBe('');
  });
});

function told(error: unknown, json = false): string {
  const io = recordingIo();
  reportFailure(io, asFailure(error), json);
  expect(io.out).toBe('');
  return io.err;
}
