/** How a command ends. */
export const EXIT = {
  done: 0,
  internal: 1,
  usage: 2,
  noServer: 3,
  refused: 4,
  doesNotFit: 5,
  interrupted: 130,
} as const;

/** One of the exit statuses. */
export type Exit = (typeof EXIT)[keyof typeof EXIT];

/** Facts about a failure, for programs. */
export interface FailureDetails {
  /** As in ErrorInfo, for example `device`. */
  readonly metadata?: Readonly<Record<string, string>>;
  /** Every field that is wrong. */
  readonly fieldViolations?: readonly { readonly field: string; readonly description: string }[];
  /** When another attempt may succeed, in milliseconds. */
  readonly retryDelayMs?: number;
}

/** Why a command did not do what was asked, and how it therefore exits. */
export class CommandFailure extends Error {
  override readonly name = 'CommandFailure';
  readonly exit: Exit;
  /** Name of the gRPC status, for example `NOT_FOUND`. */
  readonly code: string;
  /** As ErrorInfo's reason; `USAGE` and `NO_SERVER` are the command line's own. Empty when the server gave none. */
  readonly reason: string;
  readonly details: FailureDetails;

  constructor(
    exit: Exit,
    code: string,
    reason: string,
    message: string,
    details: FailureDetails = {},
    cause?: unknown,
  ) {
    super(message, { cause });
    this.exit = exit;
    this.code = code;
    this.reason = reason;
    this.details = details;
  }
}

/** A command line or an environment that cannot be acted on: exit 2. */
export function usage(message: string): CommandFailure {
  return new CommandFailure(EXIT.usage, 'INVALID_ARGUMENT', 'USAGE', message);
}

/** Nobody answers at the address: exit 3. Over TLS, not every answer is one. */
export function noServer(address: string, cause?: unknown, overTls = false): CommandFailure {
  const doubt =
    ' over TLS: it is not there, speaks plain text, refuses the own certificate, or shows one that is not trusted';
  const details = { metadata: { address } };
  return new CommandFailure(
    EXIT.noServer,
    'UNAVAILABLE',
    'NO_SERVER',
    `no Outrider server answers at ${address}${overTls ? doubt : ''}`,
    details,
    cause,
  );
}

/** The person at the keyboard ended it: exit 130. */
export function interrupted(): CommandFailure {
  return new CommandFailure(EXIT.interrupted, 'CANCELLED', 'INTERRUPTED', 'interrupted');
}

/** Whoever read standard output has seen enough, as `head` does: exit 0. */
export function outputClosed(): CommandFailure {
  return new CommandFailure(EXIT.done, 'CANCELLED', 'OUTPUT_CLOSED', 'the output was closed');
}
