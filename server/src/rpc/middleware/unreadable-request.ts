import { type ServerMiddleware } from 'nice-grpc-common';
import { refuseUnreadable } from '../unreadable-requests.js';

/** Refuses requests that could not be read as messages of their type. */
export const unreadableRequestMiddleware: ServerMiddleware =
  async function* unreadableRequestMiddleware(call, context) {
    if (call.requestStream) return yield* call.next(readable(call.request), context);
    refuseUnreadable(call.request);
    return yield* call.next(call.request, context);
  };

async function* readable<Request>(requests: AsyncIterable<Request>): AsyncGenerator<Request> {
  for await (const request of requests) {
    refuseUnreadable(request);
    yield request;
  }
}
