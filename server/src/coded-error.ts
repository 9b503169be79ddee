/** What went wrong, for programs. A released reason never changes its meaning. */
export type Reason =
  | 'INVALID_FIELD'
  | 'EMPTY_PROMPT'
  | 'CONTEXT_EXCEEDED'
  | 'BAD_MODEL_FILE'
  | 'UNKNOWN_DEVICE'
  | 'PLACEMENT_CONFLICT'
  | 'TENSOR_SPLIT_LENGTH'
  | 'OVERRIDE_UNMATCHED'
  | 'MODEL_NOT_FOUND'
  | 'MODEL_FILE_NOT_FOUND'
  | 'MODEL_EXISTS'
  | 'PATH_OUTSIDE_ROOT'
  | 'SYNTHETIC_DISABLED'
  | 'UNAUTHENTICATED'
  | 'BACKEND_UNAVAILABLE'
  | 'VOCAB_MISMATCH'
  | 'UNSUPPORTED_MEMORY_TYPE'
  | 'ENGINE_MISMATCH'
  | 'SPECULATION_UNAVAILABLE'
  | 'MODEL_IN_USE'
  | 'MODEL_UNLOADING'
  | 'MODEL_FAILED'
  | 'CHAT_TEMPLATE_MISSING'
  | 'INSUFFICIENT_DEVICE_MEMORY'
  | 'QUEUE_FULL'
  | 'MODEL_NOT_READY'
  | 'ENGINE_RESTARTED'
  | 'SERVER_DRAINING'
  | 'MODEL_UNLOADED'
  | 'SLOW_CONSUMER'
  | 'DEADLINE_EXCEEDED'
  | 'CANCELLED'
  | 'PLACEMENT_VIOLATED'
  | 'MODEL_CRASHED_ENGINE'
  | 'ENGINE_ERROR'
  | 'INTERNAL'
  | 'NOT_SUPPORTED';

/** One field of a request that is wrong. */
export interface FieldViolation {
  /** Path in proto names, for example `placement.devices[1]`. */
  readonly field: string;
  /** One sentence: what is wrong, with the value, and what would be right. */
  readonly description: string;
}

/** What a failure carries beside its reason and message. */
export interface CodedErrorOptions {
  /** Facts about the failure; keys in snake_case, with their unit. @default {} */
  readonly metadata?: Readonly<Record<string, string>>;
  /** Every field that is wrong; reasons of INVALID_ARGUMENT only. @default [] */
  readonly violations?: readonly FieldViolation[];
  /** When another attempt may succeed, in milliseconds. @default unset: retrying cannot help */
  readonly retryAfterMs?: number;
  /** What was caught; goes to the log, never to the client. */
  readonly cause?: unknown;
}

/** A failure as plain data, as it crosses from the engine process to the server process. */
export interface CodedErrorData {
  readonly reason: Reason;
  readonly message: string;
  readonly metadata: Readonly<Record<string, string>>;
  readonly violations: readonly FieldViolation[];
  readonly retryAfterMs?: number;
}

/** A failure that any layer may throw; only `rpc/errors.ts` knows its gRPC status. */
export class CodedError extends Error {
  override readonly name = 'CodedError';
  readonly reason: Reason;
  readonly metadata: Readonly<Record<string, string>>;
  readonly violations: readonly FieldViolation[];
  readonly retryAfterMs: number | undefined;

  constructor(reason: Reason, message: string, options: CodedErrorOptions = {}) {
    super(message, { cause: options.cause });
    this.reason = reason;
    this.metadata = options.metadata ?? {};
    this.violations = options.violations ?? [];
    this.retryAfterMs = options.retryAfterMs;
  }

  /** The same failure of a message that is the field `field` of another one. */
  within(field: string): CodedError {
    const { reason, message, metadata, violations, retryAfterMs, cause } = this;
    const path = metadata['field'];
    return new CodedError(reason, `${field}: ${message}`, {
      ...(retryAfterMs === undefined ? {} : { retryAfterMs }),
      cause,
      metadata: path === undefined ? metadata : { ...metadata, field: `${field}.${path}` },
      violations: violations.map(each => ({ ...each, field: `${field}.${each.field}` })),
    });
  }

  /** The failure as plain data, without its cause. */
  toData(): CodedErrorData {
    const { reason, message, metadata, violations, retryAfterMs } = this;
    return {
      reason,
      message,
      metadata,
      violations,
      ...(retryAfterMs === undefined ? {} : { retryAfterMs }),
    };
  }

  /** Rebuilds a failure that came from another process or thread. */
  static fromData(data: CodedErrorData): CodedError {
    return new CodedError(data.reason, data.message, data);
  }

  /** Any caught value as a coded failure; what is not one becomes `INTERNAL` with the value as its cause. */
  static from(error: unknown): CodedError {
    if (error instanceof CodedError) return error;
    return new CodedError('INTERNAL', 'internal error', { cause: error });
  }
}

/** A refusal of one field as wrong: `INVALID_FIELD`. */
export function invalidField(field: string, description: string): CodedError {
  return new CodedError('INVALID_FIELD', description, { violations: [{ field, description }] });
}

/** A refusal of a field that this version does not act on yet: `NOT_SUPPORTED`. */
export function notSupported(field: string, instead: string): CodedError {
  return new CodedError('NOT_SUPPORTED', `${field} is not supported yet; ${instead}`, {
    metadata: { field },
  });
}
