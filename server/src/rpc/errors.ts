import { Status } from 'nice-grpc-common';
import {
  BadRequest,
  type ErrorDetails,
  ErrorInfo,
  QuotaFailure,
  ResourceInfo,
  RetryInfo,
  RichServerError,
} from 'nice-grpc-error-details';
import { type CodedError, type FieldViolation, type Reason } from '../coded-error.js';

/** Status code of a reason. */
export function statusOf(reason: Reason): Status {
  return STATUS[reason];
}

/** What goes on the wire for a failure. */
export function toServerError(error: CodedError, requestId: string): RichServerError {
  const status = STATUS[error.reason];
  return new RichServerError(status, error.message, [
    ErrorInfo.fromPartial({
      reason: error.reason,
      domain: 'outrider',
      metadata: { ...error.metadata, request_id: requestId },
    }),
    ...badRequest(error, status),
    ...quotaFailure(error),
    ...resourceInfo(error),
    ...retryInfo(error),
  ]);
}

const STATUS = {
  INVALID_FIELD: Status.INVALID_ARGUMENT,
  EMPTY_PROMPT: Status.INVALID_ARGUMENT,
  CONTEXT_EXCEEDED: Status.INVALID_ARGUMENT,
  BAD_MODEL_FILE: Status.INVALID_ARGUMENT,
  UNKNOWN_DEVICE: Status.INVALID_ARGUMENT,
  PLACEMENT_CONFLICT: Status.INVALID_ARGUMENT,
  TENSOR_SPLIT_LENGTH: Status.INVALID_ARGUMENT,
  OVERRIDE_UNMATCHED: Status.INVALID_ARGUMENT,
  MODEL_NOT_FOUND: Status.NOT_FOUND,
  MODEL_FILE_NOT_FOUND: Status.NOT_FOUND,
  MODEL_EXISTS: Status.ALREADY_EXISTS,
  PATH_OUTSIDE_ROOT: Status.PERMISSION_DENIED,
  SYNTHETIC_DISABLED: Status.PERMISSION_DENIED,
  UNAUTHENTICATED: Status.UNAUTHENTICATED,
  BACKEND_UNAVAILABLE: Status.FAILED_PRECONDITION,
  VOCAB_MISMATCH: Status.FAILED_PRECONDITION,
  UNSUPPORTED_MEMORY_TYPE: Status.FAILED_PRECONDITION,
  ENGINE_MISMATCH: Status.FAILED_PRECONDITION,
  SPECULATION_UNAVAILABLE: Status.FAILED_PRECONDITION,
  MODEL_IN_USE: Status.FAILED_PRECONDITION,
  MODEL_UNLOADING: Status.FAILED_PRECONDITION,
  MODEL_FAILED: Status.FAILED_PRECONDITION,
  CHAT_TEMPLATE_MISSING: Status.FAILED_PRECONDITION,
  INSUFFICIENT_DEVICE_MEMORY: Status.RESOURCE_EXHAUSTED,
  QUEUE_FULL: Status.RESOURCE_EXHAUSTED,
  MODEL_NOT_READY: Status.UNAVAILABLE,
  ENGINE_RESTARTED: Status.UNAVAILABLE,
  SERVER_DRAINING: Status.UNAVAILABLE,
  MODEL_UNLOADED: Status.ABORTED,
  SLOW_CONSUMER: Status.ABORTED,
  DEADLINE_EXCEEDED: Status.DEADLINE_EXCEEDED,
  CANCELLED: Status.CANCELLED,
  PLACEMENT_VIOLATED: Status.INTERNAL,
  MODEL_CRASHED_ENGINE: Status.INTERNAL,
  ENGINE_ERROR: Status.INTERNAL,
  INTERNAL: Status.INTERNAL,
  NOT_SUPPORTED: Status.UNIMPLEMENTED,
} as const satisfies Record<Reason, Status>;

/** Field to name where the thrower, an engine for example, knew none. */
const USUAL_FIELD: Partial<Record<Reason, string>> = {
  EMPTY_PROMPT: 'input',
  CONTEXT_EXCEEDED: 'input',
  BAD_MODEL_FILE: 'source',
  UNKNOWN_DEVICE: 'placement.devices',
  PLACEMENT_CONFLICT: 'placement',
  TENSOR_SPLIT_LENGTH: 'placement.tensor_split',
  OVERRIDE_UNMATCHED: 'placement.tensor_overrides',
};

function badRequest(error: CodedError, status: Status): ErrorDetails[] {
  if (status !== Status.INVALID_ARGUMENT) return [];
  const usual = { field: USUAL_FIELD[error.reason] ?? '', description: error.message };
  const violations = error.violations.length === 0 ? [usual] : error.violations;
  return [BadRequest.fromPartial({ fieldViolations: fitting(violations) })];
}

// C-core clients drop a status whose metadata passes 8 KiB; base64 adds a third.
const VIOLATION_BUDGET = 3_500;

function fitting(violations: readonly FieldViolation[]): FieldViolation[] {
  let left = VIOLATION_BUDGET;
  const kept = violations.filter(({ field, description }) => {
    left -= Buffer.byteLength(field) + Buffer.byteLength(description);
    return left >= 0;
  });
  const dropped = violations.length - kept.length;
  if (dropped === 0) return kept;
  return [...kept, { field: '(more)', description: `${dropped} more fields are wrong` }];
}

function quotaFailure(error: CodedError): ErrorDetails[] {
  const { reason, metadata, message } = error;
  if (reason === 'QUEUE_FULL') {
    const violations = [{ subject: metadata['model'] ?? '', description: message }];
    return [QuotaFailure.fromPartial({ violations })];
  }
  if (reason !== 'INSUFFICIENT_DEVICE_MEMORY') return [];
  const prefix = 'needed_bytes.';
  const violations = Object.keys(metadata)
    .filter(key => key.startsWith(prefix))
    .map(key => key.slice(prefix.length))
    .map(device => ({
      subject: device,
      description: `needs ${metadata[prefix + device] ?? '?'} bytes, has ${metadata[`free_bytes.${device}`] ?? '?'} free`,
    }));
  return [QuotaFailure.fromPartial({ violations })];
}

function resourceInfo(error: CodedError): ErrorDetails[] {
  const { reason, metadata, message } = error;
  const description = message;
  if (reason === 'MODEL_NOT_FOUND') {
    const resourceName = metadata['model'] ?? '';
    return [
      ResourceInfo.fromPartial({ resourceType: 'outrider.v1.Model', resourceName, description }),
    ];
  }
  if (reason !== 'MODEL_FILE_NOT_FOUND') return [];
  const resourceName = metadata['path'] ?? '';
  return [ResourceInfo.fromPartial({ resourceType: 'file', resourceName, description })];
}

function retryInfo({ retryAfterMs }: CodedError): ErrorDetails[] {
  if (retryAfterMs === undefined) return [];
  const seconds = Math.floor(retryAfterMs / 1000);
  const nanos = Math.round((retryAfterMs % 1000) * 1e6);
  return [RetryInfo.fromPartial({ retryDelay: { seconds, nanos } })];
}
