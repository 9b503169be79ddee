import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { Outrider } from '@outrider/sdk';
import { existsSync } from 'node:fs';
import { type Service, startService } from '../support/serve.js';
import { describeOnGpus, gpuTitle, twoVulkanDevices } from '../support/vulkan.js';

const hasNvidia = existsSync('/dev/nvidiactl');

const small = {
  threads: 1,
  calibrate: false,
  contextLength: 64,
  parallelSequences: 1,
  batchSize: 8,
  microBatchSize: 8,
} as const;
const drawn = {
  id: 'drawn',
  uri: 'embedded:draft',
  placement: { devices: ['Vulkan0'] },
  options: small,
} as const;

describeOnGpus(`a server whose default engine runs the CPU libraries${gpuTitle}`, () => {
  let service: Service;
  let client: Outrider;

  beforeAll(async () => {
    service = await startService([], {
      NODE_LLAMA_CPP_GPU: 'false',
      ...twoVulkanDevices,
    });
    client = await Outrider.connect(service.address);
  }, 90_000);

  afterAll(async () => {
    await client.close();
    await service.stop();
  });

  it('refuses a device of other libraries there, and says where it can go', async () => {
    await expect(client.models.load(drawn)).rejects.toMatchObject({
      reason: 'BACKEND_UNAVAILABLE',
      metadata: {
        device: 'Vulkan0',
        backend: 'Vulkan',
        cause: expect.stringContaining('name another engine'),
      },
    });
  }, 60_000);

  it('puts it into an engine of its own, with the libraries that it needs', async () => {
    const apart = { ...drawn, engine: 'drawing' };
    const planned = await client.models.plan({ target: apart });
    expect((await client.devices.info()).engines).toHaveLength(1);

    const { placement } = await client.models.load(apart);

    expect(planned.target?.placement?.devices).toEqual(['Vulkan0']);
    expect(placement).toMatchObject({ devices: ['Vulkan0'], measured: true });
    expect(placement?.usage[0]).toMatchObject({ device: 'Vulkan0', layers: 3 });
    const { devices, backends, engines } = await client.devices.info();
    expect(engines.map(({ name }) => name)).toEqual(['default', 'drawing']);
    expect(devices.find(({ name }) => name === 'Vulkan0')?.models).toMatchObject([
      { model: 'models/drawn' },
    ]);
    expect(backends).toContainEqual(expect.objectContaining({ name: 'Vulkan', usable: true }));
    await client.models.unload('drawn');
    expect((await client.devices.info()).devices.map(({ name }) => name)).toEqual(['cpu']);
  }, 120_000);
});

describe('the inventory', () => {
  it('says why a backend that could be here is not', async () => {
    await using service = await startService([], { NODE_LLAMA_CPP_GPU: 'false' });
    await using client = await Outrider.connect(service.address);

    const { backends } = await client.devices.info();

    const unusable = backends.filter(({ usable }) => !usable);
    expect(unusable.map(({ name }) => name).sort()).toEqual(
      process.platform === 'darwin' ? ['Metal'] : ['CUDA', 'Vulkan'],
    );
    for (const { reason } of unusable) expect(reason).toMatch(/driver|package|name another engine/);
  }, 60_000);
});

(hasNvidia ? describe.skip : describe)(
  `a load whose devices no libraries bring${hasNvidia ? ' (skipped: CUDA may work here)' : ''}`,
  () => {
    it('is refused with the reason, or stays on the CPU where that is allowed', async () => {
      await using service = await startService([], { NODE_LLAMA_CPP_GPU: 'false' });
      await using client = await Outrider.connect(service.address);
      const fast = { ...drawn, engine: 'fast', placement: { devices: ['CUDA0'] } };

      await expect(client.models.load(fast)).rejects.toMatchObject({
        reason: 'BACKEND_UNAVAILABLE',
        metadata: { device: 'CUDA0', backend: 'CUDA' },
      });
      expect((await client.devices.info()).engines).toHaveLength(1);
      const placement = { ...fast.placement, allowFallback: true };
      const { warnings, engine } = await client.models.load({ ...fast, placement });

      expect(engine).toBe('fast');
      expect(warnings.map(({ code }) => code)).toContain('FELL_BACK_TO_CPU');
    }, 90_000);
  },
);
