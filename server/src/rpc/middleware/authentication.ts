import { type ServerMiddleware } from 'nice-grpc-common';
import { type CallerContext, type RequestContext } from '../call-context.js';
import { type Access } from '../security/access.js';
import { callerOf } from '../security/caller.js';

/** Refuses callers without a key where keys are needed, and tells handlers who calls. Health is open: probes have no key. */
export const authenticationMiddleware = (
  access: Access,
): ServerMiddleware<CallerContext, RequestContext> =>
  async function* authenticationMiddleware(call, context) {
    const key = call.method.path.startsWith('/grpc.health.v1.Health/')
      ? undefined
      : access.callerOf(context.metadata.get('authorization'));
    if (key !== undefined) context.facts['caller'] = key;
    return yield* call.next(call.request, { ...context, caller: callerOf(key, context) });
  };
