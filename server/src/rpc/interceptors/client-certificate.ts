import { createHash } from 'node:crypto';
import { ServerInterceptingCall, type ServerInterceptor } from '@grpc/grpc-js';

/** Metadata key under which handlers find a digest of the subject of the client's certificate; set here only. */
export const CLIENT_SUBJECT = 'x-outrider-client-subject';

/** Tells handlers, which cannot see the connection, whose certificate the client has shown. */
export const clientCertificateInterceptor: ServerInterceptor = (_method, call) =>
  new ServerInterceptingCall(call, {
    start: next =>
      next({
        onReceiveMetadata(metadata, forward) {
          metadata.remove(CLIENT_SUBJECT); // never trust the wire for this one
          const subject = call.getAuthContext().sslPeerCertificate?.subject;
          // A digest, because metadata is ASCII and names are not.
          if (subject !== undefined) metadata.set(CLIENT_SUBJECT, digestOf(subject));
          forward(metadata);
        },
      }),
  });

function digestOf(subject: object): string {
  return createHash('sha256').update(JSON.stringify(subject)).digest('hex');
}
