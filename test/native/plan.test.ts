import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { type DeviceUsage, type EffectivePlacement, RuntimeOptions } from '@outrider/sdk/proto';
import { type EngineClient } from '../../server/dist/engine/client.js';
import { type LoadSpec, type ResolvedPlacement } from '../../server/dist/engine/protocol.js';
import { embedded, onCpu, startEngine } from '../support/native-engine.js';
import { describeOnGpus, gpuTitle, twoVulkanDevices, withEnvironment } from '../support/vulkan.js';

type Options = Partial<RuntimeOptions>;

function specOf(path: string, placement: Partial<ResolvedPlacement>, options: Options): LoadSpec {
  return {
    model: 'models/planned',
    path,
    placement: { ...onCpu, ...placement },
    options: RuntimeOptions.fromPartial({ threads: 1, calibrate: false, ...options }),
  };
}

/** Plans, loads, and frees again. */
async function planAndLoad(engine: EngineClient, spec: LoadSpec) {
  const planned = await engine.plan(spec);
  const loaded = await engine.load(spec, {
    signal: new AbortController().signal,
    onProgress: () => undefined,
  });
  await engine.unload(spec.model);
  return { planned, loaded };
}

// llama.cpp logs to two decimals of a MiB, which is much for models of a megabyte.
const logStep = 5_300;

function expectNear(planned: EffectivePlacement, loaded: EffectivePlacement): void {
  const names = (usage: readonly DeviceUsage[]) => usage.map(({ device }) => device);
  expect(names(planned.usage)).toEqual(names(loaded.usage));
  planned.usage.forEach((plan, i) => {
    const load = loaded.usage[i];
    expect(plan.layers).toBe(load?.layers);
    for (const key of ['weightsBytes', 'kvCacheBytes', 'computeBytes'] as const) {
      const held = load?.[key] ?? 0;
      expect(Math.abs(plan[key] - held)).toBeLessThanOrEqual(Math.max(logStep, held / 10));
    }
  });
}

describe('a plan', () => {
  let engine: EngineClient;

  beforeAll(async () => {
    engine = await startEngine();
  }, 60_000);

  afterAll(() => engine.close());

  it.each<[string, string, Options]>([
    ['the target with defaults', embedded.target, {}],
    [
      'the target with a long context in f32',
      embedded.target,
      { contextLength: 2048, kvTypeK: 'KV_CACHE_TYPE_F32', kvTypeV: 'KV_CACHE_TYPE_F32' },
    ],
    ['the target read instead of mapped', embedded.target, { mmap: false, contextLength: 300 }],
    [
      'the draft with quantised caches',
      embedded.draft,
      { kvTypeK: 'KV_CACHE_TYPE_Q8_0', kvTypeV: 'KV_CACHE_TYPE_Q4_0', parallelSequences: 2 },
    ],
  ])(
    'is within 10 %% of what the load holds for %s',
    async (_title, path, options) => {
      const { planned, loaded } = await planAndLoad(engine, specOf(path, {}, options));

      expectNear(planned.placement, loaded.placement);
      expect(planned.placement).toMatchObject({
        measured: false,
        totalLayers: loaded.placement.totalLayers,
      });
      expect(planned.options).toEqual(loaded.options);
      expect(planned.info).toEqual(loaded.info);
    },
    60_000,
  );

  it('names the pattern that matches no tensor', async () => {
    const override = {
      pattern: 'ffn_nothing',
      device: 'cpu',
      field: 'placement.tensor_overrides[0]',
    };
    const spec = specOf(embedded.draft, { tensorOverrides: [override] }, {});

    await expect(engine.plan(spec)).rejects.toMatchObject({
      reason: 'OVERRIDE_UNMATCHED',
      metadata: { pattern: 'ffn_nothing' },
      violations: [{ field: 'placement.tensor_overrides[0]' }],
    });
  });

  it('leaves the engine able to load after a file that is refused', async () => {
    const broken = specOf(import.meta.filename, {}, {});

    await expect(engine.plan(broken)).rejects.toMatchObject({ reason: 'BAD_MODEL_FILE' });
    await expect(engine.plan(specOf(embedded.draft, {}, {}))).resolves.toBeDefined();
  });
});

describeOnGpus(`a plan for two devices${gpuTitle}`, () => {
  const small: Options = {
    parallelSequences: 1,
    contextLength: 64,
    batchSize: 8,
    microBatchSize: 8,
  };
  const both = { devices: ['Vulkan0', 'Vulkan1'], mainDevice: 'Vulkan0', tensorSplit: [1, 1] };
  let engine: EngineClient;

  beforeAll(async () => {
    engine = await withEnvironment(twoVulkanDevices, startEngine);
  }, 60_000);

  afterAll(() => engine.close());

  it.each<[string, Partial<ResolvedPlacement>]>([
    ['all layers', both],
    ['some layers', { ...both, gpuLayers: 2 }],
    ['an uneven split', { ...both, tensorSplit: [3, 1] }],
    ['one of them', { devices: ['Vulkan1'], mainDevice: 'Vulkan1' }],
    ['the cache in host memory', { ...both, kvOffload: false }],
  ])(
    `is within 10 %% of what the load holds for %s${gpuTitle}`,
    async (_title, placement) => {
      const spec = specOf(embedded.draft, placement, small);
      const { planned, loaded } = await planAndLoad(engine, spec);

      expectNear(planned.placement, loaded.placement);
      expect(planned.placement.gpuLayers).toBe(loaded.placement.gpuLayers);
    },
    300_000,
  );

  it('puts tensors where an override says', async () => {
    const field = 'placement.tensor_overrides[0]';
    const tensorOverrides = [
      { pattern: 'blk\\.1\\.ffn_(up|down)', device: 'Vulkan1', field },
      { pattern: 'ffn', device: 'cpu', field },
    ];
    const placement = { ...both, devices: ['Vulkan0', 'Vulkan1'], tensorSplit: [1, 0] };
    const plain = await planAndLoad(engine, specOf(embedded.draft, placement, small));
    const spec = specOf(embedded.draft, { ...placement, tensorOverrides }, small);
    const { planned, loaded } = await planAndLoad(engine, spec);

    const weights = ({ usage }: EffectivePlacement, device: string) =>
      usage.find(each => each.device === device)?.weightsBytes ?? 0;
    const matrix = 64 * 176 * 4;
    expectNear(planned.placement, loaded.placement);
    expect(weights(plain.loaded.placement, 'Vulkan1')).toBe(0);
    expect(Math.abs(weights(loaded.placement, 'Vulkan1') - 2 * matrix)).toBeLessThan(logStep);
  }, 300_000);
});
