import { ClientError, type ClientMiddleware, Status } from 'nice-grpc';
import { statusDetails } from '../errors/from-status.js';
import { type DeadlineOptions } from './deadline-middleware.js';

/** What {@link retryMiddleware} takes. */
export interface RetryOptions {
  /** Further attempts. @default 2 */
  maxRetries?: number;
  /** Send again even if it is unknown whether the server has acted on a lost call. @default true */
  repeatable?: boolean;
}

/** Where the delays of {@link retryMiddleware} come from. */
export interface RetryClock {
  /** Milliseconds, monotonic. */
  readonly now: () => number;
  /** Resolves after so many milliseconds; rejects when the signal aborts. */
  readonly sleep: (ms: number, signal: AbortSignal | undefined) => Promise<void>;
  /** 0 to 1, spreads the attempts of many clients. */
  readonly random: () => number;
}

const FIRST_BACKOFF_MS = 100;
const LONGEST_BACKOFF_MS = 2000;

/**
 * Tries again while nothing has arrived: after the delay that the server names, or after a growing one when the
 * server was not reached. Gives up with the last failure when the delay would pass the deadline; each attempt
 * gets the time that is left.
 */
export const retryMiddleware = (
  clock: RetryClock,
): ClientMiddleware<RetryOptions, DeadlineOptions> =>
  async function* retryMiddleware(
    call,
    { maxRetries = 2, repeatable = true, timeoutMs, ...options },
  ) {
    const endMs = timeoutMs === undefined ? Infinity : clock.now() + timeoutMs;
    for (let attempt = 0; ; attempt += 1) {
      const leftMs = endMs - clock.now();
      const timed = leftMs === Infinity ? options : { ...options, timeoutMs: leftMs };
      let arrived = false;
      try {
        if (!call.responseStream) return yield* call.next(call.request, timed);
        for await (const response of call.next(call.request, timed)) {
          arrived = true;
          yield response;
        }
        return;
      } catch (error) {
        const delayMs =
          arrived || attempt >= maxRetries
            ? undefined
            : retryDelayMs(error, attempt, repeatable, clock);
        if (delayMs === undefined || clock.now() + delayMs >= endMs) throw error;
        await clock.sleep(delayMs, options.signal);
      }
    }
  };

/** The clock of the process. */
export const systemClock: RetryClock = {
  now: () => performance.now(),
  random: Math.random,
  sleep: (ms, signal) =>
    new Promise((resolve, reject) => {
      const end = (settle: () => void): void => {
        clearTimeout(timer);
        signal?.removeEventListener('abort', onAbort);
        settle();
      };
      const onAbort = (): void =>
        end(() => reject(new DOMException('aborted while waiting to retry', 'AbortError')));
      const timer = setTimeout(() => end(resolve), ms);
      if (signal?.aborted === true) onAbort();
      else signal?.addEventListener('abort', onAbort);
    }),
};

function retryDelayMs(
  error: unknown,
  attempt: number,
  repeatable: boolean,
  clock: RetryClock,
): number | undefined {
  if (!(error instanceof ClientError)) return undefined;
  const { info, retryDelayMs: asked } = statusDetails(error);
  if (asked !== undefined) return asked;
  if (error.code !== Status.UNAVAILABLE || info !== undefined || !repeatable) return undefined;
  return (
    Math.min(LONGEST_BACKOFF_MS, FIRST_BACKOFF_MS * 2 ** attempt) * (0.75 + 0.5 * clock.random())
  );
}
