import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { Outrider } from '@outrider/sdk';
import { type Service, startService } from '../support/serve.js';

const far = {
  id: 'far',
  uri: 'embedded:target',
  placement: { devices: 'none' },
  options: { threads: 1, calibrate: false },
  engine: 'other',
} as const;

const story = {
  prompt: 'Once upon a time',
  maxTokens: 400,
  ignoreEos: true,
  seed: 5,
} as const;

describe('a server with two engines', () => {
  let service: Service;
  let client: Outrider;

  beforeAll(async () => {
    service = await startService();
    client = await Outrider.connect(service.address);
  }, 90_000);

  afterAll(async () => {
    await client.close();
    await service.stop();
  });

  it('loses one of them without any harm to streams of the other', async () => {
    const whole = await client.generate({ ...story, model: 'target', speculation: 'off' });
    const before = service.enginePids;
    await client.models.load(far);
    const victim = service.enginePids.find(pid => !before.includes(pid));
    if (victim === undefined) throw new Error('the other engine has no process');
    const stays = client.generate({ ...story, model: 'target' });
    const ends = client.generate({ ...story, model: 'far' }, { maxRetries: 0 });
    const [staying, ending] = [stays[Symbol.asyncIterator](), ends[Symbol.asyncIterator]()];
    for (let seen = 0; seen < 3; seen++) await Promise.all([staying.next(), ending.next()]);

    process.kill(victim, 'SIGABRT');

    await expect(
      (async () => {
        while ((await ending.next()).done !== true);
      })(),
    ).rejects.toMatchObject({ reason: 'ENGINE_RESTARTED' });
    while ((await staying.next()).done !== true);
    expect((await stays.result()).tokenIds).toEqual(whole.tokenIds);
    // The SDK waits as the service asks.
    const again = await client.generate({ ...story, model: 'far' }, { maxRetries: 50 });
    expect(again.tokenIds).toEqual(whole.tokenIds);
    const { engines } = await client.devices.info();
    expect(engines).toMatchObject([
      { name: 'default', running: true, restarts: 0 },
      { name: 'other', running: true, restarts: 1, lastExit: 'SIGABRT' },
    ]);
    expect((await client.models.get('far')).engine).toBe('other');
  }, 120_000);

  it('pairs no models across them', async () => {
    await client.models.load(far);

    await expect(
      client.generate({ ...story, model: 'far', draftModel: 'draft' }).result(),
    ).rejects.toMatchObject({ reason: 'ENGINE_MISMATCH', code: 'FAILED_PRECONDITION' });
    const plain = await client.generate({
      ...story,
      model: 'far',
      maxTokens: 10,
      draftModel: 'draft',
      speculation: { onUnavailable: 'best_effort' },
    });
    expect(plain.started.speculation.offReason).toBe('engine_mismatch');
  }, 60_000);

  it('ends an engine with its last model', async () => {
    await client.models.load(far);

    await client.models.unload('far');

    expect((await client.devices.info()).engines.map(({ name }) => name)).toEqual(['default']);
    expect(service.enginePids).toHaveLength(1);
  }, 60_000);
});
