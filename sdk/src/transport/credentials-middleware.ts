import { type ClientMiddleware, Metadata } from 'nice-grpc';
import { type OutriderOptions } from '../types/call.js';

/** Sends the key as a bearer token, unless the call has an `authorization` header of its own. */
export const credentialsMiddleware = (apiKey: OutriderOptions['apiKey']): ClientMiddleware =>
  async function* credentialsMiddleware(call, options) {
    if (apiKey === undefined || options.metadata?.has('authorization') === true)
      return yield* call.next(call.request, options);
    const key = typeof apiKey === 'string' ? apiKey : await untilAborted(apiKey(), options.signal);
    const metadata = Metadata(options.metadata).set('authorization', `Bearer ${key}`);
    return yield* call.next(call.request, { ...options, metadata });
  };

// Whoever makes the key knows nothing of the call's deadline.
function untilAborted<T>(value: T | Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  return new Promise<T>((resolve, reject) => {
    const onAbort = (): void =>
      reject(new DOMException('aborted while waiting for the key', 'AbortError'));
    if (signal?.aborted === true) onAbort();
    signal?.addEventListener('abort', onAbort, { once: true });
    Promise.resolve(value)
      .then(resolve, reject)
      .finally(() => signal?.removeEventListener('abort', onAbort));
  });
}
