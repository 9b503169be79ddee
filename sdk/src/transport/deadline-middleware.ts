import { ClientError, type ClientMiddleware, Metadata, Status } from 'nice-grpc';
import { linkSignals } from './link-signals.js';

/** What {@link deadlineMiddleware} takes. */
export interface DeadlineOptions {
  /** Time for the call, in milliseconds, rounded up. @default none */
  timeoutMs?: number;
}

// The `grpc-timeout` header holds eight digits.
const LONGEST_MS = 99_999_999;

// The server's own status tells the stage, so it gets this long to arrive before the call is ended here.
const GRACE_MS = 250;

/** Sends `timeoutMs` as `grpc-timeout`, and gives up here if the server stays silent. */
export const deadlineMiddleware: ClientMiddleware<DeadlineOptions> =
  async function* deadlineMiddleware(call, { timeoutMs, ...options }) {
    if (timeoutMs === undefined) return yield* call.next(call.request, options);
    const ms = Math.min(LONGEST_MS, Math.max(1, Math.ceil(timeoutMs)));
    const metadata = Metadata(options.metadata).set('grpc-timeout', `${ms}m`);
    const silence = new AbortController();
    const timer = setTimeout(() => silence.abort(), ms + GRACE_MS);
    const linked = linkSignals(options.signal, silence.signal);
    try {
      return yield* call.next(call.request, { ...options, metadata, signal: linked.signal });
    } catch (error) {
      if (silence.signal.aborted && options.signal?.aborted !== true)
        throw new ClientError(
          call.method.path,
          Status.DEADLINE_EXCEEDED,
          `no answer within ${ms} ms`,
        );
      throw error;
    } finally {
      clearTimeout(timer);
      linked.release();
    }
  };
