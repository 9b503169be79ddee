import { ClientError, Status } from 'nice-grpc-common';
import { type ErrorDetails, RichClientError } from 'nice-grpc-error-details';
import { messageOf } from '../caught-error.js';
import { CodedError } from '../coded-error.js';
import { statusOf } from '../rpc/errors.js';
import { CommandFailure, EXIT, type FailureDetails, interrupted } from './failure.js';
import { type Io } from './io.js';
import { remedyFor } from './remedies.js';

/** Any caught value as the failure of a command. What nobody foresaw is `INTERNAL`, exit 1. */
export function asFailure(error: unknown): CommandFailure {
  if (error instanceof CommandFailure) return error;
  if (error instanceof ClientError) return fromStatus(error);
  if (error instanceof CodedError) return fromCoded(error);
  if (error instanceof Error && error.name === 'AbortError') return interrupted();
  const message = messageOf(error);
  return new CommandFailure(EXIT.internal, 'INTERNAL', 'INTERNAL', message, {}, error);
}

/** Says on standard error why a command failed and what to do, or as one JSON object. What the person did needs no telling. */
export function reportFailure(io: Io, failure: CommandFailure, json: boolean): void {
  if (failure.exit === EXIT.done) return;
  if (json) {
    io.writeError(`${JSON.stringify({ error: failureJson(failure) })}\n`);
    return;
  }
  if (failure.exit === EXIT.interrupted) return;
  io.writeError(`${failureLines(failure).join('\n')}\n`);
}

function failureJson({ code, reason, message, details }: CommandFailure) {
  return { code, reason, message, details };
}

function failureLines(failure: CommandFailure): string[] {
  const { code, reason, message, details } = failure;
  if (failure.exit === EXIT.usage) return [`outrider: ${message}`, `  remedy: ${USAGE_REMEDY}`];
  const violations = (details.fieldViolations ?? [])
    .filter(violation => !message.includes(violation.description))
    .map(({ field, description }) => `  ${field}: ${description}`);
  const named = [code, reason].filter(word => word !== '').join(' ');
  return [`outrider: ${named}: ${message}`, ...violations, `  remedy: ${remedy(failure)}`];
}

const USAGE_REMEDY = 'see `outrider help` and `outrider COMMAND --help`';

function remedy({ exit, reason, details }: CommandFailure): string {
  if (exit === EXIT.noServer)
    return 'start one with `outrider serve`, or name another with --address';
  const text = remedyFor(reason);
  const { retryDelayMs } = details;
  return retryDelayMs === undefined ? text : `${text} (in ${retryDelayMs} ms)`;
}

function fromCoded(error: CodedError): CommandFailure {
  const { reason, message, metadata, violations, retryAfterMs } = error;
  const details: FailureDetails = {
    metadata,
    ...(violations.length === 0 ? {} : { fieldViolations: violations }),
    ...(retryAfterMs === undefined ? {} : { retryDelayMs: retryAfterMs }),
  };
  const internal = reason === 'INTERNAL';
  const text = internal && error.cause instanceof Error ? error.cause.message : message;
  const exit = internal ? EXIT.internal : EXIT.refused;
  return new CommandFailure(exit, Status[statusOf(reason)], reason, text, details, error);
}

function fromStatus(error: ClientError): CommandFailure {
  const extra = error instanceof RichClientError ? error.extra : [];
  const { reason, details } = extra.reduce(addDetail, { reason: '', details: {} });
  const name: string = Status[error.code];
  const known = reason === '' && error.code === Status.DEADLINE_EXCEEDED ? name : reason;
  return new CommandFailure(EXIT.refused, name, known, error.details, details, error);
}

interface Gathered {
  readonly reason: string;
  readonly details: FailureDetails;
}

function addDetail({ reason, details }: Gathered, detail: ErrorDetails): Gathered {
  switch (detail.$type) {
    case 'google.rpc.ErrorInfo':
      return { reason: detail.reason, details: { ...details, metadata: detail.metadata } };
    case 'google.rpc.BadRequest': {
      const fieldViolations = detail.fieldViolations.map(({ field, description }) => ({
        field,
        description,
      }));
      return { reason, details: { ...details, fieldViolations } };
    }
    case 'google.rpc.RetryInfo': {
      const { seconds, nanos } = detail.retryDelay ?? { seconds: 0, nanos: 0 };
      return { reason, details: { ...details, retryDelayMs: seconds * 1000 + nanos / 1e6 } };
    }
    default:
      return { reason, details };
  }
}
