import { afterEach, describe, expect, it } from '@jest/globals';
import {
  CancelledError,
  ConnectionError,
  EngineRestartedError,
  IncompleteStreamError,
  Outrider,
  OutriderError,
  TimeoutError,
} from '@outrider/sdk';
import { fakeOutrider } from '@outrider/sdk/testing';
import { ServerError, Status } from 'nice-grpc';
import { createServer as createTcpServer, type Socket } from 'node:net';
import { collect, rejection, settle } from './collect.js';
import { rawServer, untilGone } from './raw-server.js';
import { completion, started, step, story } from './wire-events.js';

const request = { model: 'big', prompt: 'Once' };

/** One step, then silence until the client leaves. */
const endless = () =>
  rawServer(async function* (_attempt, context) {
    yield started;
    yield step('Hello');
    await untilGone(context);
  });

// The runner fails a test during which a rejection stays unhandled.
afterEach(settle);

describe('a stream that ends early', () => {
  it('by break, frees the server and leaves a cancelled result', async () => {
    await using server = await endless();
    const generation = server.client.generate(request);

    for await (const text of generation.text()) {
      expect(text).toBe('Hello');
      break;
    }

    await server.calls[0]?.left;
    expect(await rejection(generation.result())).toBeInstanceOf(CancelledError);
  });

  it('by cancel(), rejects result, iteration and start alike', async () => {
    await using server = await endless();
    const generation = server.client.generate(request);
    const iteration = collect(generation);
    await generation.started();

    generation.cancel();

    const error = await rejection(generation);
    expect(error).toBeInstanceOf(CancelledError);
    expect(await rejection(iteration)).toBe(error);
    await server.calls[0]?.left;
  });

  it('by cancel() before its first use, sends nothing', async () => {
    await using server = await endless();
    const generation = server.client.generate(request);

    generation.cancel();

    expect(await rejection(generation.started())).toBeInstanceOf(CancelledError);
    expect(await rejection(generation.result())).toBeInstanceOf(CancelledError);
    expect(await rejection(collect(generation))).toBeInstanceOf(CancelledError);
    expect(server.calls).toHaveLength(0);
  });

  it('by cancel() after the completion, changes nothing', async () => {
    await using server = await rawServer(() => story('Hello'));
    const generation = server.client.generate(request);
    await generation;

    generation.cancel();

    expect((await generation).text).toBe('Hello');
  });

  it('by a signal, carries the reason of the signal as its cause', async () => {
    await using server = await endless();
    const controller = new AbortController();
    const generation = server.client.generate(request, { signal: controller.signal });
    await generation.started();

    controller.abort('enough');

    const error = await rejection(generation);
    expect(error).toBeInstanceOf(CancelledError);
    expect(error).toMatchObject({ code: 'CANCELLED', cause: 'enough' });
    await server.calls[0]?.left;
  });

  it('by a signal that was aborted before, sends nothing', async () => {
    await using server = await endless();

    const error = await rejection(
      server.client.generate(request, { signal: AbortSignal.abort() }).result(),
    );

    expect(error).toBeInstanceOf(CancelledError);
    expect(server.calls).toHaveLength(0);
  });

  it('by a timeout signal, is a timeout', async () => {
    await using server = await endless();

    const error = await rejection(
      server.client.generate(request, { signal: AbortSignal.timeout(50) }),
    );

    expect(error).toBeInstanceOf(TimeoutError);
    expect(error).not.toBeInstanceOf(CancelledError);
  });

  it('by timeoutMs, tells the server its deadline', async () => {
    await using server = await endless();

    const error = await rejection(server.client.generate(request, { timeoutMs: 200 }));

    expect(error).toBeInstanceOf(TimeoutError);
    expect(error).toMatchObject({ code: 'DEADLINE_EXCEEDED' });
    expect(server.calls[0]?.remainingMs).toBeGreaterThan(100);
    expect(server.calls[0]?.remainingMs).toBeLessThanOrEqual(200);
    await server.calls[0]?.left;
  });

  it('by timeoutMs, needs no answer from the server', async () => {
    const sockets: Socket[] = [];
    const silent = createTcpServer(socket => sockets.push(socket.on('error', () => undefined)));
    await new Promise<void>(resolve => silent.listen(0, '127.0.0.1', resolve));
    const { port } = silent.address() as { port: number };
    await using client = new Outrider(`127.0.0.1:${port}`);

    const error = await rejection(client.generate(request, { timeoutMs: 50 }));
    silent.close();
    for (const socket of sockets) socket.destroy();

    expect(error).toBeInstanceOf(TimeoutError);
    expect(String(error)).toContain('no answer within 50 ms');
  });

  it('by a status with details, gives what arrived before and then throws', async () => {
    const options = {
      code: 'UNAVAILABLE',
      reason: 'ENGINE_RESTARTED',
      retryDelayMs: 1500,
    } as const;
    await using fake = await fakeOutrider({
      *generate() {
        yield 'Hello';
        throw new EngineRestartedError('the engine died', options);
      },
    });
    const generation = fake.client.generate(request, { requestId: 'mine' });
    const seen: string[] = [];

    const error = await rejection(
      (async () => {
        for await (const text of generation.text()) seen.push(text);
      })(),
    );

    expect(seen).toEqual(['Hello']);
    expect(error).toBeInstanceOf(EngineRestartedError);
    expect(error).toMatchObject({
      ...options,
      message: '[ENGINE_RESTARTED] the engine died',
      requestId: 'mine',
    });
    expect(fake.requests).toHaveLength(1);
  });

  it('because the server is gone, is a lost connection and no cancellation', async () => {
    await using server = await endless();
    const generation = server.client.generate(request);
    await generation.started();

    server.kill();

    const error = await rejection(generation);
    expect(error).toBeInstanceOf(ConnectionError);
    expect(error).not.toBeInstanceOf(CancelledError);
    expect(String(error)).toContain(server.address);
  });

  it('without completion, is incomplete', async () => {
    await using server = await rawServer(async function* () {
      yield started;
      yield step('Hello');
    });
    const generation = server.client.generate(request);

    await expect(collect(generation)).rejects.toBeInstanceOf(IncompleteStreamError);
    await expect(generation.result()).rejects.toBeInstanceOf(IncompleteStreamError);
  });

  it('without a start, is incomplete', async () => {
    await using server = await rawServer(async function* () {
      yield completion;
    });

    const generation = server.client.generate(request);

    await expect(generation.started()).rejects.toBeInstanceOf(IncompleteStreamError);
  });

  it('because the client is closed, is cancelled; later calls find no connection', async () => {
    await using server = await endless();
    const generation = server.client.generate(request);
    await generation.started();

    await server.client.close();

    expect(await rejection(generation)).toBeInstanceOf(CancelledError);
    expect(await rejection(server.client.generate(request))).toBeInstanceOf(ConnectionError);
    expect(await rejection(server.client.models.get('big'))).toBeInstanceOf(ConnectionError);
    await server.calls[0]?.left;
  });

  it('does not spoil a result that had arrived', async () => {
    await using server = await rawServer(async function* () {
      yield* story('Hello');
      throw new ServerError(Status.INTERNAL, 'too late to matter');
    });

    const generation = server.client.generate(request);

    expect((await collect(generation)).at(-1)).toMatchObject({ type: 'completion' });
    expect((await generation).text).toBe('Hello');
  });
});

describe('a failure nobody looks at', () => {
  it('raises no unhandled rejection', async () => {
    await using client = new Outrider('127.0.0.1:1', { maxRetries: 0 });

    const ignored = client.generate(request);
    void ignored.result();
    void ignored.started();
    const iterated = client.generate(request);
    expect(await rejection(collect(iterated.text()))).toBeInstanceOf(OutriderError);
    const cancelled = client.generate(request);
    void cancelled.started();
    cancelled.cancel();

    await settle();
    expect(await rejection(ignored)).toBeInstanceOf(ConnectionError);
  });
});
