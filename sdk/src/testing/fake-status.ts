import { type CallContext, type ServerMiddlewareCall, Status } from 'nice-grpc';
import { BadRequest, ErrorInfo, RetryInfo, RichServerError } from 'nice-grpc-error-details';
import { OutriderError } from '../errors/outrider-error.js';

/** Sends an `OutriderError` that a handler throws as the status with the details that it was made from. */
export async function* fakeStatusMiddleware<Request, Response>(
  call: ServerMiddlewareCall<Request, Response>,
  context: CallContext,
): AsyncGenerator<Response, Response | undefined, undefined> {
  try {
    return (yield* call.next(call.request, context)) ?? undefined;
  } catch (error) {
    throw error instanceof OutriderError
      ? toServerError(error, context.metadata.get('x-request-id') ?? 'fake')
      : error;
  }
}

function toServerError(error: OutriderError, requestId: string): RichServerError {
  const { code, reason, retryDelayMs, fieldViolations } = error;
  const metadata = { ...error.metadata, request_id: requestId };
  const seconds = Math.floor((retryDelayMs ?? 0) / 1000);
  const nanos = Math.round(((retryDelayMs ?? 0) % 1000) * 1e6);
  return new RichServerError(Status[code], error.message.replace(/^\[\w+\] /, ''), [
    ...(reason === undefined
      ? []
      : [ErrorInfo.fromPartial({ reason, domain: 'outrider', metadata })]),
    ...(retryDelayMs === undefined
      ? []
      : [RetryInfo.fromPartial({ retryDelay: { seconds, nanos } })]),
    ...(fieldViolations.length === 0
      ? []
      : [BadRequest.fromPartial({ fieldViolations: fieldViolations.map(v => ({ ...v })) })]),
  ]);
}
