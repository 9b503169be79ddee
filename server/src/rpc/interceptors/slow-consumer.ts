import { randomUUID } from 'node:crypto';
import { Metadata, ServerInterceptingCall, type ServerInterceptor, status } from '@grpc/grpc-js';
import { CodedError } from '../../coded-error.js';
import { toServerError } from '../errors.js';
import { acceptableId } from '../middleware/request-context.js';
import { encodeStatusDetails } from '../status-details.js';

type Listener = Parameters<ServerInterceptingCall['start']>[0];
type Ending = Parameters<ServerInterceptingCall['sendStatus']>[0];

/** Ends a call with SLOW_CONSUMER when one message could not be handed to the network for `timeoutMs` milliseconds. */
export const slowConsumerInterceptor =
  (timeoutMs: number): ServerInterceptor =>
  (_method, call) =>
    new (class extends ServerInterceptingCall {
      #listener: Listener | undefined;
      #requestId: string | undefined;
      readonly #timers = new Set<NodeJS.Timeout>();

      override start(listener: Listener): void {
        this.#listener = listener;
        super.start({
          onReceiveMetadata: metadata => {
            // Named here already, so that a status sent from here carries the id that the handler uses.
            const given = metadata.get('x-request-id')[0];
            this.#requestId = acceptableId(given?.toString()) ?? randomUUID();
            metadata.set('x-request-id', this.#requestId);
            listener.onReceiveMetadata(metadata);
          },
          onReceiveMessage: message => listener.onReceiveMessage(message),
          onReceiveHalfClose: () => listener.onReceiveHalfClose(),
          onCancel: () => {
            for (const timer of this.#timers) clearTimeout(timer);
            listener.onCancel();
          },
        });
      }

      override sendMessage(message: unknown, sent: () => void): void {
        const timer = setTimeout(() => {
          this.sendStatus(ending(timeoutMs, this.#requestId ?? ''));
          this.#listener?.onCancel();
        }, timeoutMs);
        timer.unref();
        this.#timers.add(timer);
        super.sendMessage(message, () => {
          clearTimeout(timer);
          this.#timers.delete(timer);
          sent();
        });
      }
    })(call);

function ending(timeoutMs: number, requestId: string): Ending {
  const message = `the reader did not take a message for ${timeoutMs} ms; read faster or ask for less`;
  const error = toServerError(new CodedError('SLOW_CONSUMER', message), requestId);
  const metadata = new Metadata();
  metadata.set('x-request-id', requestId);
  metadata.set('grpc-retry-pushback-ms', '-1');
  metadata.set('grpc-status-details-bin', encodeStatusDetails(error));
  return { code: status.ABORTED, details: error.details, metadata };
}
