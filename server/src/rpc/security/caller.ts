import { type CallContext } from 'nice-grpc-common';
import { CLIENT_SUBJECT } from '../interceptors/client-certificate.js';

/**
 * Who calls, for taking turns: the name of the key, else the subject of the client's certificate, else the address
 * without its port. All callers on a unix socket are one.
 */
export function callerOf(key: string | undefined, { metadata, peer }: CallContext): string {
  if (key !== undefined) return `key ${key}`;
  const subject = metadata.get(CLIENT_SUBJECT);
  if (subject !== undefined) return `certificate ${subject}`;
  // grpc-js calls a peer without an address "unknown", and puts no brackets around IPv6.
  return `address ${peer.replace(/:\d+$/, '')}`;
}
