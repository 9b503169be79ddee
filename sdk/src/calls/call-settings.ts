import { type CallOptions as WireOptions, Metadata } from 'nice-grpc';
import { refuseUnknown } from '../convert/presence.js';
import { type CallExtras } from '../transport/connection.js';
import { type CallOptions } from '../types/call.js';

/** `call` over `defaults`; headers are merged one by one. */
export function mergeCalls(defaults: CallOptions, call: CallOptions | undefined): CallOptions {
  if (call === undefined) return defaults;
  return {
    signal: call.signal ?? defaults.signal,
    timeoutMs: call.timeoutMs ?? defaults.timeoutMs,
    requestId: call.requestId ?? defaults.requestId,
    headers: { ...defaults.headers, ...call.headers },
    maxRetries: call.maxRetries ?? defaults.maxRetries,
  };
}

/** Settings of a call as the middleware takes them. @throws InvalidRequestError for unknown options */
export function wireOptions(call: CallOptions): WireOptions & Partial<CallExtras> {
  const { signal, timeoutMs, requestId, headers, maxRetries, ...unknown } = call;
  refuseUnknown(unknown, 'call.');
  const metadata = Metadata(headers);
  if (requestId !== undefined) metadata.set('x-request-id', requestId);
  return {
    metadata,
    ...(signal && { callerSignal: signal }),
    ...(timeoutMs !== undefined && { timeoutMs }),
    ...(maxRetries !== undefined && { maxRetries }),
  };
}
