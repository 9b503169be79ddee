import { afterAll, afterEach, beforeAll, expect, it } from '@jest/globals';
import { type LoadOptions, type Model, Outrider } from '@outrider/sdk';
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { writeMixture } from '../support/mixture.js';
import { greedyDifference } from '../support/near-tie.js';
import { embedded } from '../support/native-engine.js';
import { expectBytes, expectPlaced, small, usageOn, weightsOf } from '../support/placed.js';
import { type Service, startService } from '../support/serve.js';
import { describeOnGpus, gpuTitle, twoVulkanDevices } from '../support/vulkan.js';

const both = ['Vulkan0', 'Vulkan1'];
const directory = mkdtempSync(path.join(os.tmpdir(), 'outrider-placement-'));
const mixture = path.join(directory, 'mixture.gguf');
const onFirst = { devices: ['Vulkan0'], gpuLayers: 'all' } as const;

/** What llama.cpp, KoboldCPP or TabbyAPI can do about devices, by the names under which they are compared. */
describeOnGpus(`placement of target and draft, by feature${gpuTitle}`, () => {
  let service: Service;
  let client: Outrider;

  beforeAll(async () => {
    writeMixture(embedded.draft, mixture);
    const args = ['-dev', 'none', '-c', '128', '-np', '1', '--model-root', directory];
    service = await startService(args, twoVulkanDevices);
    client = await Outrider.connect(service.address);
  }, 90_000);

  afterEach(async () => {
    for (const { name } of await client.models.list())
      if (!['models/target', 'models/draft'].includes(name))
        await client.models.unload(name, { force: true });
  });

  afterAll(async () => {
    await client.close();
    await service.stop();
    rmSync(directory, { recursive: true, force: true });
  });

  const target = (placement?: LoadOptions['placement'], change: Partial<LoadOptions> = {}) =>
    client.models.load({
      id: 'big',
      uri: 'embedded:target',
      placement,
      options: small,
      ...change,
    });
  const draft = (placement?: LoadOptions['placement'], change: Partial<LoadOptions> = {}) =>
    client.models.load({
      id: 'little',
      uri: 'embedded:draft',
      role: 'draft',
      placement,
      options: small,
      ...change,
    });
  const layersOf = (model: Model): number[] =>
    [...both, 'cpu'].map(device => usageOn(model, device).layers);

  it('target device list', async () => {
    const model = await target({ devices: ['vulkan1', 'VULKAN0'], tensorSplit: [1, 2] });

    expect(model.placement?.devices).toEqual(['Vulkan1', 'Vulkan0']);
    const layers = { Vulkan1: [0, 1], Vulkan0: [2, 3, 4, 5] };
    await expectPlaced(client, model, { file: embedded.target, layers });
  }, 60_000);

  it('draft device list', async () => {
    const model = await draft({ devices: ['Vulkan1', 'Vulkan0'], tensorSplit: [1, 2] });

    expect(model.placement?.devices).toEqual(['Vulkan1', 'Vulkan0']);
    const layers = { Vulkan1: [0], Vulkan0: [1, 2] };
    await expectPlaced(client, model, { file: embedded.draft, layers });
  }, 60_000);

  it.each<[number | 'all' | 'auto', number[]]>([
    [1, [2]],
    [2, [1, 2]],
    ['all', [0, 1, 2]],
    ['auto', [0, 1, 2]],
  ])(
    'draft layer count: %s',
    async (gpuLayers, layers) => {
      const model = await draft({ devices: ['Vulkan1'], gpuLayers });

      expect(model.placement?.gpuLayers).toBe(layers.length);
      const placed = { file: embedded.draft, layers: { Vulkan1: layers } };
      await expectPlaced(client, model, placed);
    },
    60_000,
  );

  it('draft split ratio, and split mode and main device', async () => {
    const shared = await draft({ devices: both, tensorSplit: [2, 1] });
    await client.models.unload('little');
    const whole = await draft({ devices: both, splitMode: 'none', mainDevice: 'Vulkan1' });

    expect(shared.placement?.tensorSplit[0]).toBeCloseTo(2 / 3);
    expect(layersOf(shared)).toEqual([2, 1, 0]);
    expect(whole.placement).toMatchObject({ splitMode: 'none', mainDevice: 'Vulkan1' });
    expect(layersOf(whole)).toEqual([0, 3, 0]);
  }, 60_000);

  it('draft on CPU, target on GPU, without a word about either', async () => {
    const [big, little] = [await target(), await draft()];

    expect(layersOf(big)).toEqual([3, 3, 0]);
    expect(layersOf(little)).toEqual([0, 0, 3]);
    expect(little.placement?.usage.map(({ device }) => device)).toEqual(['cpu']);
  }, 60_000);

  it.each<[string, string, typeof target]>([
    ['target', embedded.target, (...given) => target(...given)],
    ['draft', embedded.draft, (...given) => draft(...given)],
  ])(
    'tensor overrides of the %s',
    async (_role, file, load) => {
      const tensorOverrides = [
        { pattern: '^blk\\.0\\.ffn_up', device: 'Vulkan1' },
        { pattern: 'ffn_(up|down)', device: 'cpu' },
      ];
      const placement = { devices: both, tensorSplit: [1, 0] };
      const plain = await load(placement);
      await client.models.unload(plain.name);
      const model = await load({ ...placement, tensorOverrides });

      const moved = (device: string): number =>
        usageOn(model, device).weightsBytes - usageOn(plain, device).weightsBytes;
      expect(layersOf(model)).toEqual(layersOf(plain));
      expectBytes(moved('Vulkan0'), -weightsOf(file, /ffn_(up|down)/), 2);
      expectBytes(moved('Vulkan1'), weightsOf(file, /^blk\.0\.ffn_up/), 2);
    },
    60_000,
  );

  it.each<[string, true | number]>([
    ['by name', true],
    ['by number of layers', 2],
  ])(
    'MoE on CPU, draft too: experts of all layers, %s',
    async (_how, cpuMoe) => {
      const source = { uri: undefined, path: mixture };
      const big = await target({ ...onFirst, cpuMoe }, source);
      const little = await draft({ ...onFirst, cpuMoe }, { ...source, draftFor: 'big' });

      // Only planned: the software driver crashes when it runs experts itself.
      const whole = await client.models.plan({ target: { path: mixture, placement: onFirst } });
      const inAll = whole.target?.placement?.usage.find(({ device }) => device === 'Vulkan0');
      for (const each of [big, little]) {
        const kept = (inAll?.weightsBytes ?? 0) - usageOn(each, 'Vulkan0').weightsBytes;
        expectBytes(kept, weightsOf(mixture, /_exps\./));
        expect(layersOf(each)).toEqual([3, 0, 0]);
      }
      const request = { prompt: 'A cat', maxTokens: 12, temperature: 0, ignoreEos: true };
      const dense = await client.generate({ ...request, model: 'draft', logprobs: 2 });
      const said = await client.generate({ ...request, model: 'big', speculation: 1 });
      expect(greedyDifference(said.tokens, dense.tokens)).toBeUndefined();
      // It drafts for its own twin.
      expect(said.speculation?.draftAcceptanceRate).toBe(1);
    },
    120_000,
  );

  it('MoE on CPU, draft too: experts of the first layer alone, as planned', async () => {
    const side = (cpuMoe?: number) => ({ path: mixture, placement: { ...onFirst, cpuMoe } });
    const whole = await client.models.plan({ target: side(), draft: side() });
    const kept = await client.models.plan({ target: side(1), draft: side(1) });

    const weights = ({ devices }: typeof whole, role: 'target' | 'draft') =>
      devices.find(({ device }) => device === 'Vulkan0')?.[role]?.weightsBytes ?? 0;
    const first = weightsOf(mixture, /^blk\.0\..*_exps\./);
    expect(first).toBeGreaterThan(500_000);
    for (const role of ['target', 'draft'] as const)
      expectBytes(weights(whole, role) - weights(kept, role), first);
  }, 60_000);

  it('draft KV type; own context', async () => {
    const big = await target({ devices: 'none' });
    const quantised = { kvTypeK: 'q8_0', kvTypeV: 'q4_0' } as const;
    const little = await draft(undefined, {
      options: { ...small, ...quantised, contextLength: 32, parallelSequences: 8 },
      draftFor: 'big',
    });

    expect(big.options).toMatchObject({ kvTypeK: 'f16', contextLength: 128 });
    expect(little.options).toMatchObject({ ...quantised, contextLength: 32 });
    expect(little.kvTotalTokens).toBe(256);
    // 2 layers of 64 values; blocks of 32 take 34 and 18 bytes.
    expectBytes(usageOn(little, 'cpu').kvCacheBytes, (2 * 256 * 64 * (34 + 18)) / 32);
    const request = { prompt: 'Once upon a time', maxTokens: 60, temperature: 0, ignoreEos: true };
    const plain = await client.generate({ ...request, model: 'target', speculation: 'off' });
    const said = await client.generate({ ...request, model: 'big', speculation: 2 });
    expect(said.tokenIds).toEqual(plain.tokenIds);
    expect(said.speculation?.numAcceptedDraftTokens).toBeGreaterThan(0);
  }, 60_000);

  it('draft CPU threads', async () => {
    const threadsOf = () => readdirSync(`/proc/${service.enginePid}/task`).length;
    await target({ devices: 'none' });
    const before = threadsOf();
    await draft(undefined, { options: { ...small, threads: 1 } });
    const one = threadsOf() - before;
    await client.models.unload('little');
    const threads = { threads: 3, threadsBatch: 5 };
    const little = await draft(undefined, { options: { ...small, ...threads } });

    expect((await client.models.get('big')).options.threads).toBe(1);
    expect(little.options).toMatchObject(threads);
    // The thread that decodes is one of them.
    expect(threadsOf() - before - one).toBe(5 - 1);
  }, 60_000);

  it('joint memory fit', async () => {
    const placement = { devices: ['Vulkan0'] };
    const sides = (memoryMarginBytes: number) => ({
      target: { uri: 'embedded:target', placement: { ...placement, memoryMarginBytes } },
      draft: { uri: 'embedded:draft', placement: { ...placement, memoryMarginBytes } },
    });
    const roomy = await client.models.plan(sides(0));
    const need = roomy.devices.find(({ device }) => device === 'Vulkan0');
    // A byte less than both need.
    const margin = (need?.freeBytes ?? 0) - (need?.neededBytes ?? 0) + 1;

    const tight = await client.models.plan(sides(margin));
    const alone = await client.models.plan({ target: sides(margin).draft });

    const layers = ({ target: big, draft: little }: typeof tight) => [
      big?.placement?.gpuLayers,
      little?.placement?.gpuLayers,
    ];
    expect(layers(roomy)).toEqual([6, 3]);
    expect(layers(tight)).toEqual([6, 2]);
    expect(layers(alone)[0]).toBe(3);
    expect(tight.fits).toBe(true);
    const { suggestion } = tight.draft ?? {};
    const little = await client.models.load({ ...suggestion, id: 'little' });
    expect(layersOf(little)).toEqual([2, 0, 1]);
  }, 60_000);
});
