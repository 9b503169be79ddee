import { describe, expect, it } from '@jest/globals';
import { serverConfig } from '../../../server/src/config/config.js';

describe('the configuration of a server', () => {
  it('has the documented defaults', () => {
    expect(serverConfig()).toEqual({
      host: '127.0.0.1',
      port: 50_051,
      listen: undefined,
      admin: '127.0.0.1:9464',
      modelRoots: [process.cwd()],
      maxQueue: 64,
      slowConsumerMs: 30_000,
      drainMs: 30_000,
      drainDelayMs: 0,
      stateDir: undefined,
      stallReportMs: 10_000,
      stallRestartMs: 120_000,
      engineMaxRss: 0,
      reflection: 'auto',
      insecure: false,
      allowSynthetic: false,
      cachePrompt: true,
      llamaDir: undefined,
      rpc: [],
      logLevel: 'info',
      defaults: { sampling: {}, speculation: {} },
      models: [],
    });
  });

  it('names every wrong key at once', () => {
    const wrong = { port: 70_000, maxQueue: -1, reflection: 'maybe', prot: 1 };

    expect(() => serverConfig(wrong as never)).toThrow(
      expect.objectContaining({
        reason: 'INVALID_FIELD',
        violations: expect.arrayContaining([
          expect.objectContaining({ field: 'port' }),
          expect.objectContaining({ field: 'maxQueue' }),
          expect.objectContaining({ field: 'reflection' }),
          expect.objectContaining({ description: expect.stringContaining('prot') }),
        ]),
      }),
    );
  });

  it.each(['0.0.0.0', '::', '192.168.0.7', 'example.org', '127.evil.org'])(
    'binds %s only with TLS and keys or client certificates, or when forced',
    host => {
      const tls = { tlsCert: 'cert.pem', tlsKey: 'key.pem' };
      const keys = { apiKeyFile: 'keys' };
      const refusal = (text: RegExp) =>
        expect.objectContaining({
          violations: [{ field: 'host', description: expect.stringMatching(text) }],
        });

      expect(() => serverConfig({ host })).toThrow(
        refusal(/without TLS and keys or client certificates/),
      );
      expect(() => serverConfig({ host, ...keys })).toThrow(refusal(/without TLS that/));
      expect(() => serverConfig({ host, ...tls })).toThrow(refusal(/without keys or client/));
      expect(serverConfig({ host, ...tls, ...keys }).host).toBe(host);
      expect(serverConfig({ host, ...tls, tlsCa: 'ca.pem' }).host).toBe(host);
      expect(serverConfig({ host, insecure: true }).host).toBe(host);
    },
  );

  it.each([
    [{ tlsCert: 'cert.pem' }, 'tlsKey'],
    [{ tlsKey: 'key.pem' }, 'tlsCert'],
    [{ tlsCa: 'ca.pem' }, 'tlsCert'],
    [{ apiKeyFile: '' }, 'apiKeyFile'],
  ])('refuses %j and names %s', (partial, field) => {
    expect(() => serverConfig(partial)).toThrow(
      expect.objectContaining({ violations: [expect.objectContaining({ field })] }),
    );
  });

  it.each(['127.0.0.1', '127.8.8.8', '::1', '[::1]', 'localhost'])('binds %s', host => {
    expect(serverConfig({ host }).host).toBe(host);
  });

  it('keeps the admin port on loopback unless told otherwise', () => {
    expect(() => serverConfig({ admin: '0.0.0.0:9464' })).toThrow(
      expect.objectContaining({ violations: [expect.objectContaining({ field: 'admin' })] }),
    );
    expect(serverConfig({ admin: '0.0.0.0:9464', insecure: true }).admin).toBe('0.0.0.0:9464');
  });

  it.each(['127.0.0.1:0', '[::1]:9464', 'localhost:80', 'off'])(
    'takes %s as its admin port',
    admin => {
      expect(serverConfig({ admin }).admin).toBe(admin);
    },
  );

  it.each(['9464', '127.0.0.1', '::1:9464', '127.0.0.1:70000', ':9464', 'on'])(
    'refuses %s as its admin port',
    admin => {
      expect(() => serverConfig({ admin })).toThrow('admin: host:port or off is needed');
    },
  );

  it.each(['worker', 'worker:', 'worker:0', 'worker:65536', '[::1]:50052', 'a:1:2', 'a b:1', ''])(
    'refuses "%s" as a worker',
    endpoint => {
      expect(() => serverConfig({ rpc: [endpoint] })).toThrow('rpc.0: host:port is needed');
    },
  );

  it('takes each worker once', () => {
    const rpc = ['127.0.0.1:50052', 'worker.local:65535'];

    expect(serverConfig({ rpc }).rpc).toEqual(rpc);
    expect(() => serverConfig({ rpc: [...rpc, 'worker.local:65535'] })).toThrow('named twice');
  });

  it('takes a unix socket in its one form only', () => {
    expect(serverConfig({ listen: 'unix:///run/o.sock' }).listen).toBe('unix:///run/o.sock');
    expect(() => serverConfig({ listen: 'unix:/run/o.sock' })).toThrow('unix:///path');
  });
});
