import { ServerError, type ServerMiddleware } from 'nice-grpc-common';
import { CodedError } from '../../coded-error.js';
import { type RequestContext } from '../call-context.js';
import { toServerError } from '../errors.js';

/** Turns whatever a handler throws into a status with an ErrorInfo. */
export const errorMappingMiddleware: ServerMiddleware<object, RequestContext> =
  async function* errorMappingMiddleware(call, context) {
    try {
      return yield* call.next(call.request, context);
    } catch (error) {
      if (error instanceof ServerError || isAbort(error)) throw error;
      const coded = CodedError.from(error);
      context.facts['reason'] = coded.reason;
      if (coded.reason === 'INTERNAL') context.log.error(coded, 'internal error');
      const pushback = coded.retryAfterMs === undefined ? -1 : Math.ceil(coded.retryAfterMs);
      context.trailer.set('grpc-retry-pushback-ms', String(pushback));
      throw toServerError(coded, context.requestId);
    }
  };

function isAbort(error: unknown): boolean {
  return error instanceof Error && error.name === 'AbortError';
}
