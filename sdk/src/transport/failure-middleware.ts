import { ClientError, type ClientMiddleware, type Metadata, Status } from 'nice-grpc';
import { CancelledError, ConnectionError, TimeoutError } from '../errors/failures.js';
import { fromStatus } from '../errors/from-status.js';
import { linkSignals } from './link-signals.js';

/** What {@link failureMiddleware} takes. */
export interface FailureOptions {
  /** The caller's signal. */
  callerSignal?: AbortSignal;
}

/** Turns whatever ends a call badly into the errors of this package, and ends calls when `closing` aborts. */
export const failureMiddleware = (
  address: string,
  closing: AbortSignal,
): ClientMiddleware<FailureOptions> =>
  async function* failureMiddleware(call, { callerSignal, ...options }) {
    if (closing.aborted) throw new ConnectionError('the client is closed', { code: 'UNAVAILABLE' });
    let requestId = options.metadata?.get('x-request-id');
    const note = (received: Metadata): void => {
      requestId = received.get('x-request-id') ?? requestId;
    };
    const linked = linkSignals(options.signal, callerSignal, closing);
    try {
      return yield* call.next(call.request, {
        ...options,
        signal: linked.signal,
        onHeader: note,
        onTrailer: note,
      });
    } catch (error) {
      if (linked.signal.aborted && !isStatus(error))
        throw abandoned(callerSignal, closing, { requestId, cause: error });
      throw error instanceof ClientError ? fromStatus(error, { address, requestId }) : error;
    } finally {
      linked.release();
    }
  };

function abandoned(
  caller: AbortSignal | undefined,
  closing: AbortSignal,
  options: { readonly requestId: string | undefined; readonly cause: unknown },
): CancelledError | TimeoutError {
  if (closing.aborted) return new CancelledError('the client was closed', options);
  if (caller?.aborted !== true) return new CancelledError('cancelled by the caller', options);
  const because = { ...options, cause: caller.reason as unknown };
  return isTimeout(caller.reason)
    ? new TimeoutError('the signal timed out', { code: 'DEADLINE_EXCEEDED', ...because })
    : new CancelledError('the signal was aborted', because);
}

// A status that overtook the abort tells more than the abort does.
function isStatus(error: unknown): boolean {
  return error instanceof ClientError && error.code !== Status.CANCELLED;
}

function isTimeout(reason: unknown): boolean {
  return (
    typeof reason === 'object' &&
    reason !== null &&
    'name' in reason &&
    reason.name === 'TimeoutError'
  );
}
