import { describe, expect, it } from '@jest/globals';
import {
  type DeviceInfo,
  type DeviceUsage,
  GpuLayersPreset,
  PlanModelRequest,
} from '@outrider/sdk/proto';
import { type LoadSpec, type PlannedModel } from '../../../server/src/engine/protocol.js';
import { expectedSpeedup } from '../../../server/src/registry/expected-speedup.js';
import { FakeEngine, gpuDevice, loadedModel } from '../../support/fake-engine.js';
import { RegistryUnderTest } from './registry-under-test.js';

const LAYERS = 7;

/** A model whose layers take 100 bytes each, wherever they are. */
function planned(spec: LoadSpec): Partial<PlannedModel> {
  const { devices, gpuLayers } = spec.placement;
  const [gpu] = devices;
  const layers = gpu === undefined ? 0 : gpuLayers < 0 ? LAYERS : Math.min(gpuLayers, LAYERS);
  const usage = [
    ...(gpu === undefined ? [] : [usageOf(gpu, layers)]),
    usageOf('cpu', LAYERS - layers),
  ];
  return {
    placement: { ...loadedModel(spec).placement, gpuLayers: layers, usage, measured: false },
  };
}

function usageOf(device: string, layers: number): DeviceUsage {
  const weightsBytes = layers * 100;
  return {
    device,
    layers,
    weightsBytes,
    kvCacheBytes: 0,
    computeBytes: 0,
    totalBytes: weightsBytes,
  };
}

function withFree(freeBytes: number, more: Partial<DeviceInfo> = {}) {
  const devices = [
    gpuDevice('cpu', { type: 'DEVICE_TYPE_CPU', freeBytes: 10_000 }),
    gpuDevice('CUDA0', { freeBytes, ...more }),
  ];
  const backends = [{ name: 'CUDA', usable: true, reason: '' }];
  const engine = new FakeEngine({ planned, devices, backends });
  return { engine, models: new RegistryUnderTest(engine) };
}

const ALL = { layers: { $case: 'preset', value: GpuLayersPreset.ALL } } as const;
const AUTO = { layers: { $case: 'preset', value: GpuLayersPreset.AUTO } } as const;
const margin = { memoryMarginBytes: 50 };

describe('a load', () => {
  it.each([
    [1_000, -1, ['CUDA0']],
    [750, -1, ['CUDA0']],
    [749, 6, ['CUDA0']],
    [360, 3, ['CUDA0']],
    [100, 0, []],
  ])(
    'puts as many automatic layers onto a device with %d bytes free as fit: %d',
    async (free, gpuLayers, devices) => {
      const { engine, models } = withFree(free);

      await models.load('big', { placement: margin });

      expect(engine.loads[0]?.placement).toMatchObject({ gpuLayers, devices });
    },
  );

  it('is refused before it begins where an explicit placement does not fit', async () => {
    const { engine, models } = withFree(700);

    await expect(
      models.load('big', { placement: { ...margin, gpuLayers: ALL } }),
    ).rejects.toMatchObject({
      reason: 'INSUFFICIENT_DEVICE_MEMORY',
      metadata: { 'needed_bytes.CUDA0': '700', 'free_bytes.CUDA0': '700' },
    });
    expect(engine.loads).toEqual([]);
    expect(models.stateOf('models/big')).toBeUndefined();
  });

  it('leaves half a gibibyte free unless told', async () => {
    const { models } = withFree(2 ** 29 + 699);

    await expect(models.load('big', { placement: { gpuLayers: ALL } })).rejects.toMatchObject({
      reason: 'INSUFFICIENT_DEVICE_MEMORY',
    });
  });

  it('is tried all the same when the check is to be skipped', async () => {
    const { engine, models } = withFree(700);

    await models.load('big', { placement: { ...margin, gpuLayers: ALL }, skipMemoryCheck: true });

    expect(engine.loads).toHaveLength(1);
    expect(engine.plans).toEqual([]);
  });

  it('is not compared with a device that reports no memory', async () => {
    const { engine, models } = withFree(0, { memoryKnown: false });

    const record = await models.load('big', { placement: { ...margin, gpuLayers: ALL } });

    expect(engine.loads).toHaveLength(1);
    expect(record.warnings).toEqual([expect.objectContaining({ code: 'DEVICE_MEMORY_UNKNOWN' })]);
  });

  it('of a draft without room leaves the target without one under BEST_EFFORT', async () => {
    const { models } = withFree(700);
    await models.load('big', { placement: { devices: ['none'], memoryMarginBytes: 0 } });
    const draft = await models.load('small', {
      placement: { ...margin, gpuLayers: ALL },
      draftFor: 'models/big',
      onUnavailable: 'UNAVAILABLE_POLICY_BEST_EFFORT',
    });

    expect(draft.failure?.reason).toBe('INSUFFICIENT_DEVICE_MEMORY');
    const { defaultDraft } = models.registry.view(models.registry.get('big'));
    expect(defaultDraft).toMatchObject({
      available: false,
      offReason: 'SPECULATION_OFF_REASON_DRAFT_OUT_OF_MEMORY',
    });
  });
});

describe('a plan', () => {
  const source = { source: { $case: 'uri', value: 'embedded:target' } } as const;

  async function plan(free: number, wish: Parameters<typeof PlanModelRequest.fromPartial>[0]) {
    const { engine, models } = withFree(free);
    const signal = new AbortController().signal;
    const answer = await models.registry.plan(PlanModelRequest.fromPartial(wish), signal);
    expect(engine.loads).toEqual([]);
    return answer;
  }

  it('gives the target its automatic layers first and the draft those that still fit', async () => {
    const { fits, target, draft, devices } = await plan(1_000, {
      target: { source, placement: margin },
      draft: { source, placement: { ...margin, gpuLayers: AUTO } },
    });

    expect(fits).toBe(true);
    expect(target?.suggestion?.placement?.gpuLayers).toEqual({
      layers: { $case: 'count', value: 7 },
    });
    expect(draft?.suggestion?.placement?.gpuLayers).toEqual({
      layers: { $case: 'count', value: 2 },
    });
    expect(devices).toMatchObject([
      { device: 'cpu', neededBytes: 500, fits: true },
      { device: 'CUDA0', freeBytes: 1_000, marginBytes: 50, neededBytes: 900, fits: true },
    ]);
  });

  it('says what would be given up, and suggests the requests for it', async () => {
    const answer = await plan(1_000, {
      target: { source, placement: { ...margin, gpuLayers: ALL } },
      draft: { source, placement: { ...margin, gpuLayers: ALL } },
    });

    expect(answer.fits).toBe(false);
    expect(answer.concessions).toMatchObject([
      { kind: 'CONCESSION_KIND_DRAFT_LAYERS', device: 'CUDA0', freedBytes: 500, needed: true },
      { kind: 'CONCESSION_KIND_DRAFT_TO_CPU', device: 'CUDA0', freedBytes: 200, needed: false },
    ]);
    expect(answer.draft?.placement).toMatchObject({ gpuLayers: 7, measured: false });
    expect(answer.draft?.suggestion?.placement?.gpuLayers?.layers).toEqual({
      $case: 'count',
      value: 2,
    });
  });

  it('counts what is loaded as free when it is to assume an empty machine', async () => {
    const wish = { target: { source, placement: { ...margin, gpuLayers: ALL } } };

    expect((await plan(100, wish)).fits).toBe(false);
    expect((await plan(100, { ...wish, assumeEmpty: true })).fits).toBe(true);
  });

  it('tells a wrong field by its path in the plan', async () => {
    const target = { source, placement: { devices: ['CUDA7'] } };

    await expect(plan(100, { target })).rejects.toMatchObject({
      reason: 'UNKNOWN_DEVICE',
      violations: [{ field: 'target.placement.devices[0]' }],
    });
  });
});

describe('the expected speed-up', () => {
  const costs = (...us: number[]) => us.map((durationUs, i) => ({ rows: 2 ** i, durationUs }));

  it('is not known without the costs of both models', () => {
    expect(expectedSpeedup([], costs(10))).toBeUndefined();
    expect(expectedSpeedup(costs(100), [])).toBeUndefined();
  });

  it('is not known, instead of nought, for a target too slow to measure a verification', () => {
    expect(expectedSpeedup(costs(900_000), costs(10))).toBeUndefined();
  });

  it('is above one for a cheap draft and flat verification, and below for a dear draft', () => {
    expect(expectedSpeedup(costs(100, 100, 100, 100), costs(5))).toBeGreaterThan(2);
    expect(expectedSpeedup(costs(100, 200, 400, 800), costs(90))).toBeLessThan(1);
  });
});
