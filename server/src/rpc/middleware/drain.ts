import {
  type CallContext,
  type ServerMiddleware,
  type ServerMiddlewareCall,
} from 'nice-grpc-common';
import { CodedError } from '../../coded-error.js';
import { type BackgroundContext } from '../call-context.js';

/** How a drain ended: by itself, by aborting what was left, or by cutting connections. */
export type DrainOutcome = 'clean' | 'aborted' | 'forced';

/** Refuses new calls and, after a grace time, ends running ones with UNAVAILABLE. */
export class Drain {
  readonly #running = new Set<AbortController>();
  readonly #background = new Set<AbortController>();
  #draining = false;
  #idle: () => void = () => undefined;
  readonly middleware: ServerMiddleware<BackgroundContext> = (call, context) =>
    this.#run(call, context);

  /**
   * Drains `server` within `graceMs` milliseconds; then aborts, and half a second later cuts. The server stays open while
   * calls run, so that a new one is told why it is refused.
   */
  async close(
    server: { shutdown(): Promise<void>; forceShutdown(): void },
    graceMs: number,
  ): Promise<DrainOutcome> {
    this.#draining = true;
    for (const call of this.#background) call.abort();
    const deadline = performance.now() + graceMs;
    await within(this.#ended(), graceMs);
    const done = server.shutdown().then((): true => true);
    if (await within(done, Math.max(0, deadline - performance.now()))) return 'clean';
    for (const call of this.#running) call.abort();
    if (await within(done, ABORT_MS)) return 'aborted';
    server.forceShutdown();
    return 'forced';
  }

  /** Resolves when no call runs. */
  #ended(): Promise<true> {
    return new Promise(resolve => {
      this.#idle = () => {
        if (this.#running.size === 0) resolve(true);
      };
      this.#idle();
    });
  }

  async *#run<Request, Response>(
    call: ServerMiddlewareCall<Request, Response, BackgroundContext>,
    context: CallContext,
  ): AsyncGenerator<Response, Response | undefined, undefined> {
    if (this.#draining) throw refusal();
    const own = new AbortController();
    this.#running.add(own);
    const abortOnTerminate = () => {
      this.#background.add(own);
    };
    const signal = AbortSignal.any([context.signal, own.signal]);
    try {
      // Two branches, because the two kinds of `next` have no common return type.
      if (call.responseStream) {
        yield* call.next(call.request, { ...context, signal, abortOnTerminate });
        return undefined;
      }
      return yield* call.next(call.request, { ...context, signal, abortOnTerminate });
    } catch (error) {
      throw own.signal.aborted && !context.signal.aborted ? refusal() : error;
    } finally {
      this.#running.delete(own);
      this.#background.delete(own);
      this.#idle();
    }
  }
}

const ABORT_MS = 500;

// Long enough for a client to resolve another replica, short enough not to be noticed.
const RETRY_AFTER_MS = 200;

async function within(done: Promise<true>, ms: number): Promise<boolean> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<false>(resolve => {
    timer = setTimeout(resolve, ms, false);
  });
  try {
    return await Promise.race([done, late]);
  } finally {
    clearTimeout(timer);
  }
}

function refusal(): CodedError {
  return new CodedError('SERVER_DRAINING', 'the server is shutting down; call another one', {
    retryAfterMs: RETRY_AFTER_MS,
  });
}
