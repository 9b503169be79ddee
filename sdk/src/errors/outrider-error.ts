import { type StatusCode } from './status-code.js';

/** One field of a request that is wrong. */
export interface FieldViolation {
  /** Path of the field, for example `placement.devices[1]` or `sampling.top_p`. */
  readonly field: string;
  /** What is wrong and what would be right. */
  readonly description: string;
}

/** What an error carries beside its message. */
export interface OutriderErrorOptions {
  /** Status of the call. */
  readonly code: StatusCode;
  /** As the server named it. @default none: the failure did not come from Outrider */
  readonly reason?: string | undefined;
  /** Name of the call in the server's log. */
  readonly requestId?: string | undefined;
  /** Facts, keys in snake_case. @default {} */
  readonly metadata?: Readonly<Record<string, string>> | undefined;
  /** Fields that are wrong. @default [] */
  readonly fieldViolations?: readonly FieldViolation[] | undefined;
  /** When another attempt may succeed. @default none: retrying cannot help */
  readonly retryDelayMs?: number | undefined;
  /** What was caught. */
  readonly cause?: unknown;
}

const marks = new WeakMap<object, symbol>();

/**
 * Names an error class, so that `instanceof` holds across two copies of this package.
 * A class without a mark, such as a user's own subclass, is compared as usual.
 */
export function markErrorClass(errorClass: { readonly prototype: object }, name: string): void {
  const mark = Symbol.for(`@outrider/sdk/${name}`);
  marks.set(errorClass, mark);
  Object.defineProperties(errorClass.prototype, {
    [mark]: { value: true },
    name: { value: name, configurable: true, writable: true },
  });
}

/** A failed call. The message starts with the reason, or else the status, in brackets. */
export class OutriderError extends Error {
  static {
    markErrorClass(this, 'OutriderError');
  }

  /** Status of the call. */
  readonly code: StatusCode;
  /** What went wrong, for programs; absent if the failure did not come from Outrider. */
  readonly reason?: string;
  /** Name of the call in the server's log; absent if the server was not reached. */
  readonly requestId?: string;
  /** Facts about the failure, keys in snake_case. */
  readonly metadata: Readonly<Record<string, string>>;
  /** Every field that is wrong, for `InvalidRequestError`. */
  readonly fieldViolations: readonly FieldViolation[];
  /** When another attempt may succeed; absent if retrying cannot help. */
  readonly retryDelayMs?: number;

  constructor(message: string, options: OutriderErrorOptions) {
    super(`[${options.reason ?? options.code}] ${message}`, { cause: options.cause });
    this.code = options.code;
    if (options.reason !== undefined) this.reason = options.reason;
    if (options.requestId !== undefined) this.requestId = options.requestId;
    this.metadata = options.metadata ?? {};
    this.fieldViolations = options.fieldViolations ?? [];
    if (options.retryDelayMs !== undefined) this.retryDelayMs = options.retryDelayMs;
  }

  static override [Symbol.hasInstance](value: unknown): boolean {
    const mark = marks.get(this);
    if (mark === undefined) return Function.prototype[Symbol.hasInstance].call(this, value);
    return typeof value === 'object' && value !== null && mark in value;
  }
}
