import { type CallOptions as WireOptions, Metadata } from 'nice-grpc';
import { refuseUnknown } from '../convert/presence.js';
import { type CallExtras } from '../transport/connection.js';
import { type CallOptions } from '../types/call.js';

/** `call` over `defaults`; headers are merged one by one. @throws InvalidRequestError for unknown options */
export function mergeCalls(defaults: CallOptions, call: CallOptions = {}): CallOptions {
  const { signal, timeoutMs, requestId, headers, maxRetries, ...unknown } = call;
  refuseUnknown(unknown, 'call.');
  return {
    signal: signal ?? defaults.signal,
    timeoutMs: timeoutMs ?? defaults.timeoutMs,
    requestId: requestId ?? defaults.requestId,
    headers: { ...defaults.headers, ...headers },
    maxRetries: maxRetries ?? defaults.maxRetries,
  };
}

/** Settings of a call as the middleware takes them. */
export function wireOptions(call: CallOptions): WireOptions & Partial<CallExtras> {
  const { signal, timeoutMs, requestId, headers, maxRetries } = call;
  const metadata = Metadata(headers);
  if (requestId !== undefined) metadata.set('x-request-id', requestId);
  return {
    metadata,
    ...(signal && { callerSignal: signal }),
    ...(timeoutMs !== undefined && { timeoutMs }),
    ...(maxRetries !== undefined && { maxRetries }),
  };
}
