import { type TsProtoServiceDefinition } from 'nice-grpc';
import { messageOf } from '../caught-error.js';
import { invalidField } from '../coded-error.js';

// By the empty message that stands in for what could not be read.
const complaints = new WeakMap<object, string>();

/**
 * The same service, but with requests that cannot be read getting as far as the middleware, where they are refused like
 * other bad input. grpc-js would end them as INTERNAL by itself, without details, metrics or a line in the log.
 */
export function withUnreadableRequests<Definition extends TsProtoServiceDefinition>(
  definition: Definition,
): Definition {
  const methods = Object.entries(definition.methods).map(([name, method]) => {
    const { requestType } = method;
    const decode = orStandIn((bytes: Uint8Array): object => asObject(requestType.decode(bytes)));
    return [name, { ...method, requestType: { ...requestType, decode } }] as const;
  });
  return { ...definition, methods: Object.fromEntries(methods) };
}

/** A decoder that answers bytes it cannot read with an empty message, which {@link refuseUnreadable} knows. */
export function orStandIn<Bytes extends Uint8Array, Message extends object>(
  decode: (bytes: Bytes | Uint8Array) => Message,
): (bytes: Bytes) => Message {
  return bytes => {
    try {
      return decode(bytes);
    } catch (error) {
      const standIn = decode(new Uint8Array(0));
      complaints.set(standIn, messageOf(error));
      return standIn;
    }
  };
}

/** Refuses a message that stands in for bytes which could not be read. @throws CodedError INVALID_FIELD */
export function refuseUnreadable(message: unknown): void {
  if (typeof message !== 'object' || message === null) return;
  const complaint = complaints.get(message);
  if (complaint === undefined) return;
  throw invalidField('', `the request is no message of its type: ${complaint}`);
}

function asObject(message: unknown): object {
  if (typeof message === 'object' && message !== null) return message;
  throw new TypeError('the decoder returned no message');
}
