import { describe, expect, it, jest } from '@jest/globals';
import * as sdk from '@outrider/sdk';
import { ServerError, Status } from 'nice-grpc';
import { BadRequest, ErrorInfo, RichServerError } from 'nice-grpc-error-details';
import { rejection } from './collect.js';
import { rawServer } from './raw-server.js';
import { fails } from './wire-events.js';

const { InvalidRequestError, OutOfDeviceMemoryError, Outrider, OutriderError } = sdk;
const request = { model: 'big', prompt: 'Once' };

/** What a client gets when the server answers with `error`. */
async function received(error: ServerError): Promise<unknown> {
  await using server = await rawServer(() => fails(error));
  return await rejection(server.client.generate(request));
}

function coded(
  status: Status,
  reason: string,
  metadata: Record<string, string> = {},
): RichServerError {
  return new RichServerError(status, 'as it is', [
    ErrorInfo.fromPartial({ reason, domain: 'outrider', metadata }),
  ]);
}

describe('the error for a failed call', () => {
  it.each([
    ['InvalidRequestError', Status.INVALID_ARGUMENT, 'INVALID_FIELD'],
    ['InvalidRequestError', Status.INVALID_ARGUMENT, 'UNKNOWN_DEVICE'],
    ['ModelNotFoundError', Status.NOT_FOUND, 'MODEL_NOT_FOUND'],
    ['OutriderError', Status.NOT_FOUND, 'MODEL_FILE_NOT_FOUND'],
    ['ModelInUseError', Status.FAILED_PRECONDITION, 'MODEL_IN_USE'],
    ['NotReadyError', Status.UNAVAILABLE, 'MODEL_NOT_READY'],
    ['VocabularyMismatchError', Status.FAILED_PRECONDITION, 'VOCAB_MISMATCH'],
    ['OutOfDeviceMemoryError', Status.RESOURCE_EXHAUSTED, 'INSUFFICIENT_DEVICE_MEMORY'],
    ['OverloadedError', Status.RESOURCE_EXHAUSTED, 'QUEUE_FULL'],
    ['OutriderError', Status.RESOURCE_EXHAUSTED, 'DISK_FULL'],
    ['EngineRestartedError', Status.UNAVAILABLE, 'ENGINE_RESTARTED'],
    ['OutriderError', Status.UNAVAILABLE, 'SERVER_DRAINING'],
    ['TimeoutError', Status.DEADLINE_EXCEEDED, 'DEADLINE_EXCEEDED'],
    ['OutriderError', Status.UNAUTHENTICATED, 'UNAUTHENTICATED'],
  ] as const)('is %s for status %s and reason %s', async (name, status, reason) => {
    const error = await received(coded(status, reason, { request_id: 'r7', answer: '42' }));

    expect(error).toBeInstanceOf(sdk[name]);
    expect(error).toBeInstanceOf(OutriderError);
    expect(error).toBeInstanceOf(Error);
    expect(error).toMatchObject({
      name,
      code: Status[status],
      reason,
      requestId: 'r7',
      message: `[${reason}] as it is`,
      metadata: { request_id: 'r7', answer: '42' },
      retryDelayMs: undefined,
    });
  });

  it('without details has the status in the message and no reason', async () => {
    const error = await received(new ServerError(Status.INTERNAL, 'a proxy broke'));

    expect(error).toMatchObject({
      name: 'OutriderError',
      code: 'INTERNAL',
      reason: undefined,
      message: '[INTERNAL] a proxy broke',
    });
  });

  it('names every wrong field', async () => {
    const fieldViolations = [
      { field: 'sampling.top_p', description: 'must be above 0' },
      { field: 'max_tokens', description: 'must be at least 1' },
    ];
    const error = await received(
      new RichServerError(Status.INVALID_ARGUMENT, 'two fields are wrong', [
        ErrorInfo.fromPartial({ reason: 'INVALID_FIELD', domain: 'outrider' }),
        BadRequest.fromPartial({ fieldViolations }),
      ]),
    );

    expect(error).toMatchObject({ fieldViolations });
  });

  it('tells per device what is short', async () => {
    const error = await received(
      coded(Status.RESOURCE_EXHAUSTED, 'INSUFFICIENT_DEVICE_MEMORY', {
        'needed_bytes.CUDA0': '2000',
        'free_bytes.CUDA0': '1000',
        'needed_bytes.cpu': '9',
        'free_bytes.cpu': '3',
      }),
    );

    expect(error).toBeInstanceOf(OutOfDeviceMemoryError);
    expect(error).toMatchObject({
      devices: [
        { device: 'CUDA0', neededBytes: 2000, freeBytes: 1000 },
        { device: 'cpu', neededBytes: 9, freeBytes: 3 },
      ],
    });
  });

  it('is a ConnectionError with the address when nothing listens', async () => {
    await using client = new Outrider('127.0.0.1:1');

    const error = await rejection(client.models.get('big'));

    expect(error).toBeInstanceOf(sdk.ConnectionError);
    expect(error).toMatchObject({ code: 'UNAVAILABLE', reason: undefined });
    expect(String(error)).toMatch(/^ConnectionError: \[UNAVAILABLE\] 127\.0\.0\.1:1: /);
  });

  it('is an InvalidRequestError for numbers that cannot be sent', async () => {
    await using client = new Outrider('127.0.0.1:1');

    for (const maxTokens of [-1, 1.5, 2 ** 33]) {
      const error = await rejection(client.generate({ ...request, maxTokens }));
      expect(error).toBeInstanceOf(InvalidRequestError);
      expect(String(error)).toContain(String(maxTokens));
    }
  });
});

describe('instanceof', () => {
  it('holds across two copies of the package, and tells classes apart', async () => {
    let copy: typeof sdk | undefined;
    await jest.isolateModulesAsync(async () => {
      copy = await import('@outrider/sdk');
    });
    const error = new sdk.ModelInUseError('busy', { code: 'FAILED_PRECONDITION' });

    expect(copy?.ModelInUseError).not.toBe(sdk.ModelInUseError);
    expect(error instanceof (copy?.ModelInUseError ?? Date)).toBe(true);
    expect(error instanceof (copy?.OutriderError ?? Date)).toBe(true);
    expect(error instanceof (copy?.ModelNotFoundError ?? Error)).toBe(false);
    expect(new Error('other')).not.toBeInstanceOf(OutriderError);
    expect(null).not.toBeInstanceOf(OutriderError);
  });

  it('works as usual for classes that users derive', () => {
    class Special extends OutriderError {}
    const special = new Special('x', { code: 'UNKNOWN' });

    expect(special).toBeInstanceOf(Special);
    expect(special).toBeInstanceOf(OutriderError);
    expect(new OutriderError('x', { code: 'UNKNOWN' })).not.toBeInstanceOf(Special);
  });
});
