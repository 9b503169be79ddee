import { describe, expect, it } from '@jest/globals';
import { ConnectionError, Outrider, OutriderError, OverloadedError } from '@outrider/sdk';
import { ServerError, Status } from 'nice-grpc';
import { ErrorInfo, RetryInfo, RichServerError } from 'nice-grpc-error-details';
import { collect, rejection } from './collect.js';
import { rawServer } from './raw-server.js';
import { fails, started, step, story } from './wire-events.js';

const request = { model: 'big', prompt: 'Once' };

/** QUEUE_FULL, worth another attempt after `delayMs`. */
function queueFull(delayMs: number): RichServerError {
  return new RichServerError(Status.RESOURCE_EXHAUSTED, 'too many wait', [
    ErrorInfo.fromPartial({ reason: 'QUEUE_FULL', domain: 'outrider' }),
    RetryInfo.fromPartial({
      retryDelay: { seconds: Math.floor(delayMs / 1000), nanos: (delayMs % 1000) * 1e6 },
    }),
  ]);
}

describe('retries', () => {
  it('wait as long as the server says, and hide the failures that they mend', async () => {
    const times: number[] = [];
    await using server = await rawServer(async function* (attempt) {
      times.push(performance.now());
      if (attempt < 3) throw queueFull(120);
      yield* story('Hello');
    });

    const result = await server.client.generate(request);

    expect(result.text).toBe('Hello');
    const [first = 0, second = 0, third = 0] = times;
    expect(second - first).toBeGreaterThanOrEqual(119);
    expect(third - second).toBeGreaterThanOrEqual(119);
  });

  it('stop after two further attempts, or as many as the call says', async () => {
    await using server = await rawServer(() => fails(queueFull(1)));

    const error = await rejection(server.client.generate(request));
    expect(error).toBeInstanceOf(OverloadedError);
    expect(error).toMatchObject({ retryDelayMs: 1 });
    expect(server.calls).toHaveLength(3);

    await rejection(server.client.generate(request, { maxRetries: 0 }));
    expect(server.calls).toHaveLength(4);

    await rejection(server.client.withOptions({ maxRetries: 4 }).generate(request));
    expect(server.calls).toHaveLength(9);
  });

  it('never follow the first event', async () => {
    await using server = await rawServer(async function* () {
      yield started;
      throw queueFull(1);
    });
    const generation = server.client.generate(request);

    expect(await rejection(collect(generation))).toBeInstanceOf(OverloadedError);

    expect(server.calls).toHaveLength(1);
    expect((await generation.started()).requestId).toBe('r1');
  });

  it('tell each attempt the time that is left', async () => {
    await using server = await rawServer(() => fails(queueFull(150)));

    await rejection(server.client.generate(request, { timeoutMs: 5000 }));

    const [first = 0, second = 0, third = 0] = server.calls.map(call => call.remainingMs);
    expect(first).toBeLessThanOrEqual(5000);
    expect(first - second).toBeGreaterThanOrEqual(140);
    expect(second - third).toBeGreaterThanOrEqual(140);
  });

  it('give up at once when the delay would pass the deadline', async () => {
    await using server = await rawServer(() => fails(queueFull(60_000)));
    const before = performance.now();

    const error = await rejection(server.client.generate(request, { timeoutMs: 2000 }));

    expect(error).toBeInstanceOf(OverloadedError);
    expect(performance.now() - before).toBeLessThan(1500);
    expect(server.calls).toHaveLength(1);
  });

  it('end with the signal while they wait', async () => {
    await using server = await rawServer(() => fails(queueFull(60_000)));
    const controller = new AbortController();
    const generation = server.client.generate(request, { signal: controller.signal });
    const failed = rejection(generation);
    while (server.calls.length === 0) await new Promise(resolve => setTimeout(resolve, 5));

    controller.abort();

    expect(await failed).toMatchObject({ name: 'CancelledError' });
    expect(server.calls).toHaveLength(1);
  });

  it('follow a bare UNAVAILABLE, but no failure that the server explains without a delay', async () => {
    await using bare = await rawServer(async function* (attempt) {
      if (attempt === 1) throw new ServerError(Status.UNAVAILABLE, 'a proxy says no');
      yield* story('Hello');
    });
    expect((await bare.client.generate(request)).text).toBe('Hello');

    await using explained = await rawServer(() =>
      fails(
        new RichServerError(Status.UNAVAILABLE, 'no', [
          ErrorInfo.fromPartial({ reason: 'DOWNLOAD_FAILED', domain: 'outrider' }),
        ]),
      ),
    );
    const error = await rejection(explained.client.generate(request));
    expect(error).toBeInstanceOf(OutriderError);
    expect(error).not.toBeInstanceOf(ConnectionError);
    expect(explained.calls).toHaveLength(1);
  });

  it('go to the next of several addresses', async () => {
    await using server = await rawServer(() => story('Hello'));
    await using client = new Outrider(['127.0.0.1:1', server.address]);

    for (let i = 0; i < 6; i += 1) expect((await client.generate(request)).text).toBe('Hello');

    expect(server.calls).toHaveLength(6);
  });

  it('do not mix up a step that was seen with a second attempt', async () => {
    await using server = await rawServer(async function* () {
      yield started;
      yield step('Hello');
      throw new ServerError(Status.UNAVAILABLE, 'gone');
    });
    const seen: string[] = [];

    const error = await rejection(
      (async () => {
        for await (const text of server.client.generate(request).text()) seen.push(text);
      })(),
    );

    expect(error).toBeInstanceOf(ConnectionError);
    expect(seen).toEqual(['Hello']);
    expect(server.calls).toHaveLength(1);
  });
});
