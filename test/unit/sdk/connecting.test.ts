import { describe, expect, it } from '@jest/globals';
import {
  ConnectionError,
  InvalidRequestError,
  Outrider,
  type OutriderOptions,
  TimeoutError,
} from '@outrider/sdk';
import { type ClientMiddleware, createServer } from 'nice-grpc';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseAddress } from '../../../sdk/src/transport/address.js';
import { HealthDefinition } from '../../../sdk/src/transport/health.js';
import { rejection } from './collect.js';
import { rawServer } from './raw-server.js';
import { story } from './wire-events.js';

const request = { model: 'big', prompt: 'Once' };

describe('an address', () => {
  it.each([
    ['localhost', 'localhost:50051', undefined],
    ['gpu1:7000', 'gpu1:7000', undefined],
    ['127.0.0.1:1', '127.0.0.1:1', undefined],
    ['[::1]:7000', '[::1]:7000', undefined],
    ['[::1]', '[::1]:50051', undefined],
    ['::1', '[::1]:50051', undefined],
    ['http://gpu1', 'gpu1:80', false],
    ['http://gpu1:7000/', 'gpu1:7000', false],
    ['https://gpu1', 'gpu1:443', true],
    ['https://gpu1:7000', 'gpu1:7000', true],
    ['unix:///run/outrider.sock', 'unix:///run/outrider.sock', undefined],
    ['dns:///gpu1:7000', 'dns:///gpu1:7000', undefined],
    ['ipv4:10.0.0.1:1,10.0.0.2:2', 'ipv4:10.0.0.1:1,10.0.0.2:2', undefined],
    ['dns:7000', 'dns:7000', undefined],
  ])('%s leads to %s', (address, target, secure) => {
    expect(parseAddress(address)).toMatchObject({ target, secure });
  });

  it.each(['', 'gpu1:', 'gpu1:x', 'ftp://gpu1', 'https://gpu1/path', 'two words', ':7000'])(
    '%j is refused',
    address => {
      expect(() => new Outrider(address)).toThrow(TypeError);
    },
  );
});

describe('options that make no sense', () => {
  it.each<[string, string | string[], object]>([
    ['no address at all', [], {}],
    ['a certificate without its key', 'localhost', { tls: { cert: '-----BEGIN X-----' } }],
    ['a path in place of a certificate', 'localhost', { tls: { ca: '/etc/ca.pem' } }],
    ['TLS over http', 'http://localhost', { tls: true }],
    ['no TLS over https', 'https://localhost', { tls: false }],
    ['a channel that is no set of options', 'localhost', { channel: 'fast' }],
    ['middleware that is no function', 'localhost', { middleware: [{}] }],
  ])('such as %s are refused', (_what, address, options: OutriderOptions) => {
    expect(() => new Outrider(address, options)).toThrow(TypeError);
  });

  it('such as misspelt ones are refused by name', () => {
    const options = { timeout: 5 } as OutriderOptions;

    expect(() => new Outrider('localhost', options)).toThrow(InvalidRequestError);
    expect(() => new Outrider('localhost', options)).toThrow('timeout');
  });
});

describe('connect()', () => {
  it('waits until the server serves', async () => {
    const told: number[] = [];
    const server = createServer();
    server.add(HealthDefinition, {
      check: async () => ({ status: 2 }),
      async *watch() {
        for (const status of [2, 2, 1]) {
          told.push(status);
          yield { status };
          await new Promise(resolve => setTimeout(resolve, 20));
        }
      },
    });
    const port = await server.listen('127.0.0.1:0');

    await using client = await Outrider.connect(`127.0.0.1:${port}`);

    expect(told).toEqual([2, 2, 1]);
    await client.close();
    server.forceShutdown();
  });

  it('fails soon when nothing answers', async () => {
    const before = performance.now();

    expect(await rejection(Outrider.connect('127.0.0.1:1'))).toBeInstanceOf(ConnectionError);

    expect(performance.now() - before).toBeLessThan(3000);
  });

  it('gives up when the server does not come to serve in time', async () => {
    const server = createServer();
    server.add(HealthDefinition, {
      check: async () => ({ status: 2 }),
      async *watch(_request, { signal }) {
        yield { status: 2 };
        await new Promise(resolve => signal.addEventListener('abort', resolve));
      },
    });
    const port = await server.listen('127.0.0.1:0');

    const error = await rejection(Outrider.connect(`127.0.0.1:${port}`, { timeoutMs: 100 }));
    server.forceShutdown();

    expect(error).toBeInstanceOf(TimeoutError);
  });
});

describe('a client', () => {
  it('gives the calls in turn to several servers', async () => {
    await using first = await rawServer(() => story('first'));
    await using second = await rawServer(() => story('second'));
    await using client = new Outrider([first.address, second.address]);

    for (let i = 0; i < 6; i += 1) await client.generate(request);

    expect(first.calls).toHaveLength(3);
    expect(second.calls).toHaveLength(3);
  });

  it('spreads calls over the servers of one address that stands for several', async () => {
    await using first = await rawServer(() => story('first'));
    await using second = await rawServer(() => story('second'));
    await using client = new Outrider(`ipv4:${first.address},${second.address}`);

    for (let i = 0; i < 12; i += 1) await client.generate(request);

    expect(first.calls.length + second.calls.length).toBe(12);
    expect(first.calls.length).toBeGreaterThanOrEqual(4);
    expect(second.calls.length).toBeGreaterThanOrEqual(4);
  });

  it('speaks through a unix socket', async () => {
    const directory = mkdtempSync(join(tmpdir(), 'outrider-sdk-'));
    const server = createServer();
    server.add(HealthDefinition, {
      check: async () => ({ status: 1 }),
      async *watch() {
        yield { status: 1 };
      },
    });
    const address = `unix://${directory}/s.sock`;
    await server.listen(address);

    const client = await Outrider.connect(address);
    await client.close();
    server.forceShutdown();
    rmSync(directory, { recursive: true, force: true });

    expect(client).toBeInstanceOf(Outrider);
  });

  it('sends key, request id and headers, the call over the client', async () => {
    let made = 0;
    await using server = await rawServer(() => story('Hello'));
    const options = { requestId: 'default', headers: { a: '1', b: '1' } };
    await using client = new Outrider(server.address, {
      ...options,
      apiKey: async () => `key${(made += 1)}`,
    });

    await client.generate(request);
    await client.generate(request, { requestId: 'mine', headers: { b: '2' } });
    await client.withOptions({ headers: { authorization: 'Basic x', c: '3' } }).generate(request);

    const sent = server.calls.map(({ metadata }) =>
      ['authorization', 'x-request-id', 'a', 'b', 'c'].map(name => metadata.get(name)),
    );
    expect(sent).toEqual([
      ['Bearer key1', 'default', '1', '1', undefined],
      ['Bearer key2', 'mine', '1', '2', undefined],
      ['Basic x', 'default', '1', '1', '3'],
    ]);
  });

  it('ends a call in time even if its key never comes', async () => {
    const apiKey = () => new Promise<string>(() => undefined);
    await using client = new Outrider('127.0.0.1:1', { apiKey });

    expect(await rejection(client.generate(request, { timeoutMs: 20 }))).toBeInstanceOf(
      TimeoutError,
    );
  });

  it('passes each call once through the middleware of its user, around the retries', async () => {
    const seen: string[] = [];
    await using server = await rawServer(() => story('Hello'));
    const watching: ClientMiddleware = async function* watching(call, options) {
      seen.push(call.method.path);
      return yield* call.next(call.request, options);
    };
    await using client = new Outrider(['127.0.0.1:1', server.address], { middleware: [watching] });

    for (let i = 0; i < 3; i += 1) await client.generate(request);

    expect(seen).toEqual(Array(3).fill('/outrider.v1.GenerateService/Generate'));
  });

  it('refuses misspelt call options by name', async () => {
    await using client = new Outrider('127.0.0.1:1');
    const call = { timeout: 5 } as object;

    expect(() => client.generate(request, call)).toThrow('call.timeout');
    await expect(client.models.get('big', call)).rejects.toThrow('call.timeout');
  });
});
