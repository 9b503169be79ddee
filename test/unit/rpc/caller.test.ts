import { describe, expect, it } from '@jest/globals';
import { type CallContext, Metadata } from 'nice-grpc-common';
import { CLIENT_SUBJECT } from '../../../server/src/rpc/interceptors/client-certificate.js';
import { callerOf } from '../../../server/src/rpc/security/caller.js';

function contextOf(peer: string, subject?: string): CallContext {
  return {
    metadata: Metadata(subject === undefined ? {} : { [CLIENT_SUBJECT]: subject }),
    peer,
    header: Metadata(),
    trailer: Metadata(),
    sendHeader: () => undefined,
    signal: new AbortController().signal,
  };
}

describe('who calls', () => {
  it.each([
    ['the key', 'alice', 'd1', 'key alice'],
    ['the certificate', undefined, 'd1', 'certificate d1'],
    ['the address', undefined, undefined, 'address 10.0.0.7'],
  ])('is told by %s first', (_, key, subject, caller) => {
    expect(callerOf(key, contextOf('10.0.0.7:50712', subject))).toBe(caller);
  });

  it.each([
    ['::1:50712', 'address ::1'],
    ['::ffff:10.0.0.7:50712', 'address ::ffff:10.0.0.7'],
    ['unknown', 'address unknown'],
  ])('is told by the address of %s without its port', (peer, caller) => {
    expect(callerOf(undefined, contextOf(peer))).toBe(caller);
  });
});
