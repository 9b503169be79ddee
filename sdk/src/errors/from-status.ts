import { type ClientError } from 'nice-grpc';
import {
  type BadRequest,
  type ErrorInfo,
  RichClientError,
  type RetryInfo,
} from 'nice-grpc-error-details';
import {
  ConnectionError,
  EngineRestartedError,
  InvalidRequestError,
  ModelInUseError,
  ModelNotFoundError,
  NotReadyError,
  OutOfDeviceMemoryError,
  OverloadedError,
  TimeoutError,
  VocabularyMismatchError,
} from './failures.js';
import { OutriderError, type OutriderErrorOptions } from './outrider-error.js';
import { STATUS_CODES, type StatusCode } from './status-code.js';

type ErrorClass = new (message: string, options: OutriderErrorOptions) => OutriderError;

const BY_REASON: ReadonlyMap<string, ErrorClass> = new Map<string, ErrorClass>([
  ['MODEL_NOT_FOUND', ModelNotFoundError],
  ['MODEL_IN_USE', ModelInUseError],
  ['MODEL_NOT_READY', NotReadyError],
  ['VOCAB_MISMATCH', VocabularyMismatchError],
  ['INSUFFICIENT_DEVICE_MEMORY', OutOfDeviceMemoryError],
  ['QUEUE_FULL', OverloadedError],
  ['ENGINE_RESTARTED', EngineRestartedError],
]);

// What grpc-js says when a message cannot be encoded, for example a negative count.
const UNENCODABLE = 'Request message serialization failure: ';

/** What the server told in the details of a status. */
export interface StatusDetails {
  /** From Outrider; absent when a proxy or the transport failed. */
  readonly info?: ErrorInfo;
  /** When to try again, in milliseconds. */
  readonly retryDelayMs?: number;
  /** Fields that are wrong. */
  readonly badRequest?: BadRequest;
}

/** Reads the details that travel with a gRPC status. */
export function statusDetails(error: ClientError): StatusDetails {
  const details: { -readonly [K in keyof StatusDetails]: StatusDetails[K] } = {};
  for (const detail of error instanceof RichClientError ? error.extra : []) {
    switch (detail.$type) {
      case 'google.rpc.ErrorInfo':
        if (detail.domain === 'outrider') details.info = detail;
        break;
      case 'google.rpc.RetryInfo':
        details.retryDelayMs = milliseconds(detail);
        break;
      case 'google.rpc.BadRequest':
        details.badRequest = detail;
        break;
      default:
        break;
    }
  }
  return details;
}

/** What is known of a call beside its status. */
export interface CallFacts {
  /** Where it was sent. */
  readonly address: string;
  /** Its name, where the details do not tell. */
  readonly requestId: string | undefined;
}

/** The error for a gRPC status. */
export function fromStatus(error: ClientError, { address, requestId }: CallFacts): OutriderError {
  if (error.details.startsWith(UNENCODABLE)) return unencodable(error);
  const code = STATUS_CODES.at(error.code) ?? 'UNKNOWN';
  const { info, retryDelayMs, badRequest } = statusDetails(error);
  const options: OutriderErrorOptions = {
    code,
    reason: info?.reason,
    requestId: info?.metadata['request_id'] ?? requestId,
    metadata: info?.metadata,
    fieldViolations: badRequest?.fieldViolations.map(({ field, description }) => ({
      field,
      description,
    })),
    retryDelayMs,
    cause: error,
  };
  const errorClass = classFor(code, info?.reason);
  const message = errorClass === ConnectionError ? `${address}: ${error.details}` : error.details;
  return new errorClass(message, options);
}

function classFor(code: StatusCode, reason: string | undefined): ErrorClass {
  const named = reason === undefined ? undefined : BY_REASON.get(reason);
  if (named !== undefined) return named;
  switch (code) {
    case 'INVALID_ARGUMENT':
      return InvalidRequestError;
    case 'DEADLINE_EXCEEDED':
      return TimeoutError;
    case 'UNAVAILABLE':
    case 'CANCELLED':
      // A cancellation that the caller did not ask for is the other side breaking off, never `CancelledError`.
      return reason === undefined ? ConnectionError : OutriderError;
    default:
      return OutriderError;
  }
}

function unencodable(error: ClientError): InvalidRequestError {
  return new InvalidRequestError(error.details.slice(UNENCODABLE.length), {
    code: 'INVALID_ARGUMENT',
    reason: 'INVALID_FIELD',
    cause: error,
  });
}

function milliseconds({ retryDelay }: RetryInfo): number {
  return retryDelay === undefined ? 0 : retryDelay.seconds * 1000 + retryDelay.nanos / 1e6;
}
