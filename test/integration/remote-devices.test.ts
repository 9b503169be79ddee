import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { Outrider } from '@outrider/sdk';
import { describeUnless } from '../support/describe-unless.js';
import { type Service, startService } from '../support/serve.js';
import { noWorkers, rpcBuild, startWorker, type Worker } from '../support/workers.js';

const [describeOnWorkers, note] = describeUnless(noWorkers);
const small = { threads: 1, calibrate: false, contextLength: 128, parallelSequences: 1 } as const;
const story = {
  prompt: 'Once upon a time',
  maxTokens: 24,
  temperature: 0,
  ignoreEos: true,
} as const;
const far = {
  id: 'far',
  uri: 'embedded:target',
  placement: { devices: ['RPC0', 'RPC1'], tensorSplit: [1, 1], gpuLayers: 'all' },
  options: small,
} as const;
const guide = { id: 'guide', uri: 'embedded:draft', draftFor: 'far', options: small } as const;

describeOnWorkers(`a target on two RPC workers${note}`, () => {
  let workers: Worker[] = [];
  let service: Service;
  let client: Outrider;

  beforeAll(async () => {
    workers = [await startWorker(), await startWorker()];
    const rpc = workers.map(({ endpoint }) => endpoint).join(',');
    service = await startService(['--llama-dir', rpcBuild, '--rpc', rpc]);
    client = await Outrider.connect(service.address);
  }, 90_000);

  afterAll(async () => {
    await client.close();
    await service.stop();
    await Promise.all(workers.map(worker => worker.kill()));
  });

  it('sees each of them as a remote device with its endpoint', async () => {
    const { devices, backends } = await client.devices.info();

    const remote = devices.filter(({ type }) => type === 'remote');
    expect(remote).toMatchObject(
      workers.map(({ endpoint }, i) => ({
        name: `RPC${i}`,
        description: endpoint,
        backend: 'RPC',
        memoryKnown: true,
      })),
    );
    expect(backends).toContainEqual(expect.objectContaining({ name: 'RPC', usable: true }));
    expect((await client.models.get('target')).placement?.devices).toEqual([]);
  });

  it('keeps its layers there and its draft here, and says what it says on one machine', async () => {
    const near = await client.generate({ ...story, model: 'target', speculation: 'off' });
    const planned = await client.models.plan({ target: far });
    const { placement } = await client.models.load(far);
    const { placement: own } = await client.models.load(guide);

    const told = await client.generate({ ...story, model: 'far' });

    expect(placement).toMatchObject({
      devices: ['RPC0', 'RPC1'],
      gpuLayers: 6,
      totalLayers: 6,
      measured: true,
    });
    const held = placement?.usage ?? [];
    expect(held.map(({ device, layers }) => [device, layers])).toEqual([
      ['RPC0', 3],
      ['RPC1', 3],
      ['cpu', 0],
    ]);
    for (const { device, weightsBytes, computeBytes, totalBytes } of held.slice(0, 2)) {
      const plan = planned.target?.placement?.usage.find(each => each.device === device);
      expect(weightsBytes).toBeGreaterThan(1_000_000);
      expect(computeBytes).toBeGreaterThan(0);
      expect(Math.abs((plan?.totalBytes ?? 0) - totalBytes)).toBeLessThan(totalBytes / 10);
    }
    expect(own?.usage.map(({ device }) => device)).toEqual(['cpu']);
    expect(told.started.speculation.targetDevices).toEqual(['RPC0', 'RPC1']);
    expect(told.speculation?.numAcceptedDraftTokens).toBeGreaterThan(0);
    expect(told.text).toBe(near.text);
    const { devices } = await client.devices.info();
    expect(devices.find(({ name }) => name === 'RPC1')?.models).toMatchObject([
      { model: 'models/far' },
    ]);
  }, 60_000);

  it('shares each of its matrices by TENSOR when asked to', async () => {
    const near = await client.generate({ ...story, model: 'target', speculation: 'off' });
    const shared = { ...far, placement: { ...far.placement, splitMode: 'tensor' } } as const;
    const planned = await client.models.plan({ target: shared });
    await client.models.unload('guide');
    const { placement, options, warnings } = await client.models.load({
      ...shared,
      replace: true,
    });

    const told = await client.generate({ ...story, model: 'far' });

    expect(placement).toMatchObject({
      splitMode: 'tensor',
      gpuLayers: 6,
      tensorSplit: [0.5, 0.5],
    });
    expect(options.flashAttention).toBe('on');
    expect(warnings).toContainEqual(
      expect.objectContaining({
        code: 'DEVICE_MEMORY_UNKNOWN',
        field: 'placement.split_mode',
      }),
    );
    for (const device of ['RPC0', 'RPC1']) {
      const of = (usage = placement?.usage) => usage?.find(each => each.device === device);
      const bytes = of()?.weightsBytes ?? 0;
      expect(of()?.layers).toBe(6);
      // All of the file's 7.5 MB on neither, and the tied output on both.
      expect(bytes).toBeGreaterThan(2_500_000);
      expect(bytes).toBeLessThan(6_000_000);
      const plan = of(planned.target?.placement?.usage)?.weightsBytes ?? 0;
      expect(Math.abs(plan - bytes)).toBeLessThan(bytes / 10);
    }
    expect(told.text).toBe(near.text);
  }, 60_000);

  it('loses its engine with a worker, which is named, and comes back with it', async () => {
    const [first, second] = workers;
    if (first === undefined || second === undefined) throw new Error('two workers were started');
    await client.models.load({ ...far, replace: true });
    const stream = client.generate(
      { ...story, model: 'far', maxTokens: 100, speculation: 'off' },
      { maxRetries: 0 },
    );
    const events = stream[Symbol.asyncIterator]();
    for (let seen = 0; seen < 3; seen++) await events.next();

    await second.kill();

    await expect(
      (async () => {
        while ((await events.next()).done !== true);
      })(),
    ).rejects.toMatchObject({ reason: 'ENGINE_RESTARTED' });
    const near = await client.generate({ ...story, model: 'target' }, { maxRetries: 50 });
    expect(near.tokenIds).toHaveLength(story.maxTokens);
    const { engines, devices, backends } = await client.devices.info();
    expect(engines).toMatchObject([{ name: 'default', running: true, restarts: 1 }]);
    expect(devices.map(({ name }) => name)).toContain('RPC0');
    expect(devices.map(({ name }) => name)).not.toContain('RPC1');
    const fault = 'it cannot be reached: ECONNREFUSED';
    expect(backends).toContainEqual({
      name: `RPC[${second.endpoint}]`,
      usable: false,
      reason: fault,
    });
    expect(service.log).toContain(`RPC[${second.endpoint}] cannot be used: ${fault}`);
    const waiting = { maxRetries: 50 };
    await expect(
      client.generate({ ...story, model: 'far' }, waiting).result(),
    ).rejects.toMatchObject({ reason: 'MODEL_FAILED' });
    expect((await client.models.get('far')).stateError).toMatchObject({
      reason: 'BACKEND_UNAVAILABLE',
      message: expect.stringContaining(second.endpoint),
    });
    await expect(client.models.load(far)).rejects.toMatchObject({
      reason: 'BACKEND_UNAVAILABLE',
      metadata: { device: 'RPC1', backend: 'RPC' },
    });

    workers = [first, await startWorker(second.endpoint)];

    expect((await client.models.load(far)).placement?.devices).toEqual(['RPC0', 'RPC1']);
    expect((await client.generate({ ...story, model: 'far' })).text).toBe(near.text);
  }, 120_000);

  it('outlives a worker that holds nothing', async () => {
    const [first, second] = workers;
    if (first === undefined || second === undefined) throw new Error('two workers were started');
    await client.models.unload('far');
    const before = service.enginePid;

    await first.kill();

    const { devices } = await client.devices.info();
    expect(devices.map(({ name }) => name)).toEqual(['cpu', 'RPC1']);
    workers = [await startWorker(first.endpoint), second];
    const { devices: again } = await client.devices.info();
    expect(again.map(({ name }) => name)).toEqual(['cpu', 'RPC0', 'RPC1']);
    expect(service.enginePid).toBe(before);
  }, 60_000);
});
