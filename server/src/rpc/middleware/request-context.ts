import { randomUUID } from 'node:crypto';
import { ServerError, type ServerMiddleware, Status } from 'nice-grpc-common';
import { type Logger } from 'pino';
import { type CallFacts, type RequestContext } from '../call-context.js';

/** Names every call, answers with the name, gives handlers a logger that carries it, and logs one line when it has ended. */
export const requestContextMiddleware = (log: Logger): ServerMiddleware<RequestContext> =>
  async function* requestContextMiddleware(call, context) {
    const requestId = acceptableId(context.metadata.get('x-request-id')) ?? randomUUID();
    const child = log.child({ requestId, rpc: call.method.path });
    const facts: CallFacts = {};
    const extended = { ...context, requestId, log: child, facts };
    context.trailer.set('x-request-id', requestId);
    const began = performance.now();
    // What remains if the caller leaves: the generator is then ended without an exception.
    let code: string = Status[Status.CANCELLED];
    try {
      // As a header only beside a success: a header commits the call and ends the client's retries.
      if (!call.responseStream) {
        const response = yield* call.next(call.request, extended);
        context.header.set('x-request-id', requestId);
        code = Status[Status.OK];
        return response;
      }
      for await (const response of call.next(call.request, extended)) {
        context.header.set('x-request-id', requestId);
        yield response;
      }
      code = Status[Status.OK];
      return;
    } catch (error) {
      if (error instanceof ServerError) code = Status[error.code];
      throw error;
    } finally {
      const line = { code, ms: Math.round(performance.now() - began), ...facts };
      // Probes call health every few seconds.
      if (call.method.path.startsWith('/grpc.health.')) child.debug(line, 'call');
      else child.info(line, 'call');
    }
  };

/** A request id that may be echoed: 1 to 128 printable ASCII characters. */
export function acceptableId(given: string | undefined): string | undefined {
  return given !== undefined && /^[\x20-\x7e]{1,128}$/.test(given) ? given : undefined;
}
