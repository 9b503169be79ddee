import { ServerInterceptingCall, type ServerInterceptor } from '@grpc/grpc-js';

/** Metadata key under which handlers find the milliseconds left; set here only. */
export const REMAINING_MS = 'x-outrider-remaining-ms';

/** Hands the deadline that grpc-js has parsed to handlers, which cannot see it otherwise. */
export const deadlineInterceptor: ServerInterceptor = (_method, call) =>
  new ServerInterceptingCall(call, {
    start: next =>
      next({
        onReceiveMetadata(metadata, forward) {
          metadata.remove(REMAINING_MS); // never trust the wire for this one
          const at = call.getDeadline();
          if (at !== Infinity) metadata.set(REMAINING_MS, String(Number(at) - Date.now()));
          forward(metadata);
        },
      }),
  });
