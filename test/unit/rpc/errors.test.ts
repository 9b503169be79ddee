import { describe, expect, it } from '@jest/globals';
import { Status } from 'nice-grpc-common';
import { CodedError, type Reason } from '../../../server/src/coded-error.js';
import { statusOf, toServerError } from '../../../server/src/rpc/errors.js';

function detailsOf(error: CodedError) {
  return toServerError(error, 'id-1').extra;
}

const CODES: [Reason, Status][] = [
  ['INVALID_FIELD', Status.INVALID_ARGUMENT],
  ['MODEL_NOT_FOUND', Status.NOT_FOUND],
  ['MODEL_EXISTS', Status.ALREADY_EXISTS],
  ['ENGINE_MISMATCH', Status.FAILED_PRECONDITION],
  ['PATH_OUTSIDE_ROOT', Status.PERMISSION_DENIED],
  ['UNAUTHENTICATED', Status.UNAUTHENTICATED],
  ['VOCAB_MISMATCH', Status.FAILED_PRECONDITION],
  ['QUEUE_FULL', Status.RESOURCE_EXHAUSTED],
  ['MODEL_NOT_READY', Status.UNAVAILABLE],
  ['MODEL_UNLOADED', Status.ABORTED],
  ['DEADLINE_EXCEEDED', Status.DEADLINE_EXCEEDED],
  ['CANCELLED', Status.CANCELLED],
  ['MODEL_CRASHED_ENGINE', Status.INTERNAL],
  ['NOT_SUPPORTED', Status.UNIMPLEMENTED],
];

describe('a failure on the wire', () => {
  it.each(CODES)('has for %s the code %i', (reason, code) => {
    expect(statusOf(reason)).toBe(code);
  });

  it('says reason, domain, facts and request id', () => {
    const error = new CodedError('MODEL_IN_USE', 'busy', { metadata: { generations: '2' } });

    expect(detailsOf(error)).toEqual([
      expect.objectContaining({
        $type: 'google.rpc.ErrorInfo',
        reason: 'MODEL_IN_USE',
        domain: 'outrider',
        metadata: { generations: '2', request_id: 'id-1' },
      }),
    ]);
  });

  it('lists every wrong field', () => {
    const violations = ['model', 'sampling.top_p'].map(field => ({ field, description: 'bad' }));

    expect(detailsOf(new CodedError('INVALID_FIELD', 'bad', { violations }))).toContainEqual(
      expect.objectContaining({
        fieldViolations: violations.map(violation => expect.objectContaining(violation)),
      }),
    );
  });

  it('names a field for every invalid argument, also when an engine sent none', () => {
    expect(detailsOf(new CodedError('BAD_MODEL_FILE', 'truncated'))).toContainEqual(
      expect.objectContaining({
        fieldViolations: [expect.objectContaining({ field: 'source', description: 'truncated' })],
      }),
    );
  });

  it('stays small enough for trailers when thousands of fields are wrong', () => {
    const violations = Array.from({ length: 5_000 }, (_, i) => ({
      field: `token_ids.ids[${i}]`,
      description: 'too large',
    }));

    const details = detailsOf(new CodedError('INVALID_FIELD', 'bad', { violations }));

    expect(JSON.stringify(details).length).toBeLessThan(16_000);
    expect(JSON.stringify(details)).toMatch(/\d+ more fields are wrong/);
  });

  it('tells each device that is short of memory', () => {
    const metadata = {
      'needed_bytes.CUDA0': '10',
      'free_bytes.CUDA0': '4',
      'needed_bytes.CUDA1': '9',
      'free_bytes.CUDA1': '3',
    };

    expect(
      detailsOf(new CodedError('INSUFFICIENT_DEVICE_MEMORY', 'no room', { metadata })),
    ).toContainEqual(
      expect.objectContaining({
        $type: 'google.rpc.QuotaFailure',
        violations: [
          expect.objectContaining({ subject: 'CUDA0', description: expect.stringContaining('10') }),
          expect.objectContaining({ subject: 'CUDA1', description: expect.stringContaining('9') }),
        ],
      }),
    );
  });

  it('names the model whose queue is full, and when to come back', () => {
    const error = new CodedError('QUEUE_FULL', 'full', {
      metadata: { model: 'models/big' },
      retryAfterMs: 1_250,
    });

    expect(detailsOf(error)).toEqual([
      expect.anything(),
      expect.objectContaining({ violations: [expect.objectContaining({ subject: 'models/big' })] }),
      expect.objectContaining({
        $type: 'google.rpc.RetryInfo',
        retryDelay: expect.objectContaining({ seconds: 1, nanos: 250_000_000 }),
      }),
    ]);
  });

  it('names the model or the file that does not exist', () => {
    const model = new CodedError('MODEL_NOT_FOUND', 'no', { metadata: { model: 'models/x' } });
    const file = new CodedError('MODEL_FILE_NOT_FOUND', 'no', { metadata: { path: 'a.gguf' } });

    expect(detailsOf(model)).toContainEqual(
      expect.objectContaining({ resourceType: 'outrider.v1.Model', resourceName: 'models/x' }),
    );
    expect(detailsOf(file)).toContainEqual(
      expect.objectContaining({ resourceType: 'file', resourceName: 'a.gguf' }),
    );
  });
});
