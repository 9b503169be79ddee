import {
  type Attributes,
  context,
  createContextKey,
  ROOT_CONTEXT,
  trace,
} from '@opentelemetry/api';
import { type ServerMiddleware } from 'nice-grpc-common';
import { openTelemetryServerMiddleware } from 'nice-grpc-opentelemetry';
import { type RequestContext } from '../call-context.js';

const spans = openTelemetryServerMiddleware();
const MARK = createContextKey('outrider');

/** Opens a span for every call, where an OpenTelemetry SDK is registered. Not for health: probes call it every few seconds. */
export const spanMiddleware: ServerMiddleware = (call, callContext) =>
  isProbe(call.method.path) || !isRegistered()
    ? call.next(call.request, callContext)
    : spans(call, callContext);

/** Puts the id of a call's trace into its log lines, and its request id and reason of failure into its span. Goes inside `spanMiddleware`. */
export const traceNamesMiddleware: ServerMiddleware<object, RequestContext> =
  async function* traceNamesMiddleware(call, context) {
    const span = isProbe(call.method.path) ? undefined : trace.getActiveSpan();
    if (span === undefined) return yield* call.next(call.request, context);
    const { traceId } = span.spanContext();
    context.facts['traceId'] = traceId;
    span.setAttribute('outrider.request_id', context.requestId);
    try {
      const log = context.log.child({ traceId });
      return yield* call.next(call.request, { ...context, log });
    } finally {
      span.setAttributes(reasonOf(context));
    }
  };

/** Asked for each call, because spans that nobody takes would still cost something for each message. */
function isRegistered(): boolean {
  // Without an SDK no context is carried along.
  const marked = ROOT_CONTEXT.setValue(MARK, true);
  return context.with(marked, () => context.active().getValue(MARK) === true);
}

function isProbe(path: string): boolean {
  return path.startsWith('/grpc.health.');
}

function reasonOf({ facts }: RequestContext): Attributes {
  const reason = facts['reason'];
  return reason === undefined ? {} : { 'outrider.reason': reason };
}
