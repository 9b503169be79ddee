import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { Outrider } from '@outrider/sdk';
import { isAlive } from '../support/is-alive.js';
import { type Service, startService } from '../support/serve.js';

const endless = {
  model: 'target',
  prompt: 'Once upon a time',
  maxTokens: 500,
  ignoreEos: true,
  seed: 3,
} as const;

describe('a service whose engine is killed', () => {
  it('ends the stream with its reason, brings engine and models back, and serves the next request', async () => {
    await using service = await startService(['--threads', '1', '--threads-draft', '1']);
    await using client = await Outrider.connect(service.address);
    const before = await client.generate({ ...endless, maxTokens: 30 });
    const stream = client.generate(endless, { maxRetries: 0 });
    const events = stream[Symbol.asyncIterator]();
    for (let seen = 0; seen < 4; seen++) await events.next();
    const victim = service.enginePid;
    if (victim === undefined) throw new Error('the engine has no process');

    process.kill(victim, 'SIGKILL');

    await expect(
      (async () => {
        while ((await events.next()).done !== true);
      })(),
    ).rejects.toMatchObject({ code: 'UNAVAILABLE', reason: 'ENGINE_RESTARTED' });
    // The SDK waits as the service asks: refused while the target comes back, served once it is there.
    const early = await client.generate({ ...endless, maxTokens: 30 }, { maxRetries: 50 });
    expect(early.tokenIds).toEqual(before.tokenIds);
    while ((await client.models.get('draft')).state !== 'ready')
      await new Promise(resolve => setTimeout(resolve, 20));
    const after = await client.generate({ ...endless, maxTokens: 30 });
    expect(after.tokenIds).toEqual(before.tokenIds);
    expect(after.started.speculation).toMatchObject({ active: true, draftModel: 'models/draft' });
    const { engines } = await client.devices.info();
    expect(engines).toMatchObject([{ running: true, restarts: 1, lastExit: 'SIGKILL' }]);
    expect(service.enginePid).not.toBe(victim);
  }, 120_000);
});

describe('an unload of a model that streams use', () => {
  let service: Service;
  let client: Outrider;

  beforeAll(async () => {
    service = await startService(['--threads', '1', '--threads-draft', '1']);
    client = await Outrider.connect(service.address);
  }, 90_000);

  afterAll(async () => {
    await client.close();
    await service.stop();
  });

  it('detaches a draft while the stream goes on with the same text', async () => {
    await client.models.load({
      id: 'second',
      uri: 'embedded:draft',
      placement: { devices: 'none' },
      options: { threads: 1 },
      draftFor: 'target',
    });
    const plain = await client.generate({ ...endless, maxTokens: 300, speculation: 'off' });
    const stream = client.generate({
      ...endless,
      maxTokens: 300,
      draftModel: 'second',
      speculation: 2,
    });
    const ids: number[] = [];
    let unloading: Promise<unknown> | undefined;
    for await (const token of stream.tokens()) {
      ids.push(token.id);
      if (ids.length >= 4) unloading ??= client.models.unload('second', { detach: true });
    }

    expect(await unloading).toMatchObject({ detachedGenerations: 1, abortedGenerations: 0 });
    expect(ids).toEqual(plain.tokenIds);
    expect((await stream.result()).speculation?.offReason).toBe('draft_unloaded');
    await expect(client.models.get('second')).rejects.toMatchObject({ reason: 'MODEL_NOT_FOUND' });
  }, 60_000);

  it('waits for them when told to drain, and ends them when told to force', async () => {
    const load = {
      uri: 'embedded:target',
      placement: { devices: 'none' },
      options: { threads: 1 },
    } as const;
    await client.models.load({ ...load, id: 'drained' });
    const finishing = client.generate({ ...endless, model: 'drained', maxTokens: 60 });
    await finishing.started();
    const drained = await client.models.unload('drained', { drainTimeoutMs: 30_000 });
    expect(drained.abortedGenerations).toBe(0);
    expect((await finishing).tokenIds).toHaveLength(60);

    await client.models.load({ ...load, id: 'forced' });
    const ended = client.generate({ ...endless, model: 'forced' });
    await ended.started();
    const forced = await client.models.unload('forced', { force: true });
    expect(forced.abortedGenerations).toBe(1);
    expect(forced.freed[0]).toMatchObject({ device: 'cpu' });
    await expect(ended.result()).rejects.toMatchObject({
      code: 'ABORTED',
      reason: 'MODEL_UNLOADED',
    });
  }, 60_000);
});

describe('an engine whose server is killed', () => {
  it('does not outlive it, even in mid-stream', async () => {
    const service = await startService(['--threads', '1', '--threads-draft', '1']);
    const { enginePid } = service;
    if (enginePid === undefined) throw new Error('the engine has no process');
    await using client = await Outrider.connect(service.address);
    const events = client.generate(endless, { maxRetries: 0 })[Symbol.asyncIterator]();
    for (let seen = 0; seen < 3; seen++) await events.next();

    await service.kill();

    while (isAlive(enginePid)) await new Promise(resolve => setTimeout(resolve, 10));
    expect(isAlive(enginePid)).toBe(false);
    await events.return?.();
  }, 60_000);
});
