import { describe, expect, it } from '@jest/globals';
import {
  CancelledError,
  ConnectionError,
  IncompleteStreamError,
  ModelNotFoundError,
  Outrider,
  StreamConsumedError,
} from '@outrider/sdk';
import {
  LoadModelServiceDefinition,
  type LoadModelServiceImplementation,
} from '@outrider/sdk/proto';
import { fakeOutrider } from '@outrider/sdk/testing';
import { createServer, ServerError, Status } from 'nice-grpc';
import { collect, rejection, settle } from './collect.js';

const request = { id: 'big', path: 'big.gguf' };

/** A server whose loads stop after one report, and whose other answers are lost, with the number of calls. */
async function brokenServer() {
  const calls = { load: 0, other: 0 };
  const lost = async (): Promise<never> => {
    calls.other += 1;
    throw new ServerError(Status.UNAVAILABLE, 'gone');
  };
  const service: LoadModelServiceImplementation = {
    async *loadModel() {
      calls.load += 1;
      yield { event: { $case: 'progress', value: { stage: 'LOAD_STAGE_RESOLVING' } } };
    },
    unloadModel: lost,
    getModel: lost,
    listModels: lost,
    planModel: lost,
    setDefaultDraft: lost,
  };
  const server = createServer();
  server.add(LoadModelServiceDefinition, service);
  const client = new Outrider(`127.0.0.1:${await server.listen('127.0.0.1:0')}`);
  const dispose = async () => {
    await client.close();
    server.forceShutdown();
  };
  return { calls, models: client.models, [Symbol.asyncDispose]: dispose };
}

describe('a load', () => {
  it('sends nothing before its first use', async () => {
    await using fake = await fakeOutrider();

    const load = fake.client.models.load(request);
    await settle();
    expect(fake.requests).toEqual([]);

    expect((await load).name).toBe('models/big');
    expect(fake.requests).toEqual([request]);
  });

  it('can be awaited again and again, and iterated once, even after that', async () => {
    await using fake = await fakeOutrider();
    const load = fake.client.models.load(request);

    const model = await load;
    expect(await collect(load)).toHaveLength(6);
    expect(await load).toBe(model);

    await expect(collect(load)).rejects.toBeInstanceOf(StreamConsumedError);
    expect(fake.requests).toHaveLength(1);
  });

  it('is left by break and by cancel()', async () => {
    await using fake = await fakeOutrider();

    const left = fake.client.models.load(request);
    for await (const { stage } of left) {
      expect(stage).toBe('resolving');
      break;
    }
    expect(await rejection(left)).toBeInstanceOf(CancelledError);

    const cancelled = fake.client.models.load(request);
    cancelled.cancel();
    expect(await rejection(cancelled)).toBeInstanceOf(CancelledError);
  });

  it('fails for whoever iterates and whoever awaits', async () => {
    await using fake = await fakeOutrider({ models: [] });
    const load = fake.client.models.load({ ...request, draftFor: 'nobody' });

    const error = await rejection(collect(load));

    expect(error).toBeInstanceOf(ModelNotFoundError);
    expect(await rejection(load)).toBe(error);
  });

  it('that ends without a model is incomplete', async () => {
    await using server = await brokenServer();

    expect(await rejection(server.models.load(request))).toBeInstanceOf(IncompleteStreamError);
    expect(server.calls.load).toBe(1);
  });
});

describe('an unload whose answer is lost', () => {
  it('is not repeated, as it may have worked; a question is', async () => {
    await using server = await brokenServer();

    expect(await rejection(server.models.unload('big'))).toBeInstanceOf(ConnectionError);
    expect(server.calls.other).toBe(1);

    expect(await rejection(server.models.get('big'))).toBeInstanceOf(ConnectionError);
    expect(server.calls.other).toBe(4);
  });
});
