import { type CallContext } from 'nice-grpc-common';
import { type Logger } from 'pino';

/** What the middleware adds to every call. */
export interface RequestContext {
  /** From `x-request-id`, or made here. */
  readonly requestId: string;
  /** Carries the request id and the method. */
  readonly log: Logger;
  /** Goes into the one line that is logged when the call has ended; never prompt or output text. */
  readonly facts: CallFacts;
}

/** Numbers and names worth a log line. */
export type CallFacts = Record<string, string | number | boolean>;

/** What authentication adds to every call. */
export interface CallerContext {
  /** Who calls, as far as the server can tell callers apart; see `callerOf`. */
  readonly caller: string;
}

/** Lets long-lived calls end first when the server drains; Health/Watch calls it by this name. */
export interface BackgroundContext {
  abortOnTerminate(): void;
}

/** What handlers receive. */
export type HandlerContext = CallContext & RequestContext & CallerContext & BackgroundContext;
