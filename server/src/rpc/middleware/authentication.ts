import { type ServerMiddleware } from 'nice-grpc-common';
import { type RequestContext } from '../call-context.js';
import { type Access } from '../security/access.js';

/** Refuses callers without a key where keys are needed, and notes the name of the key. Health is open: probes have none. */
export const authenticationMiddleware = (
  access: Access,
): ServerMiddleware<object, RequestContext> =>
  async function* authenticationMiddleware(call, context) {
    if (!call.method.path.startsWith('/grpc.health.v1.Health/')) {
      const caller = access.callerOf(context.metadata.get('authorization'));
      if (caller !== undefined) context.facts['caller'] = caller;
    }
    return yield* call.next(call.request, context);
  };
