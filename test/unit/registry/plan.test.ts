import { describe, expect, it } from '@jest/globals';
import { LoadModelRequest, PlanModelRequest } from '@outrider/sdk/proto';
import { CodedError } from '../../../server/src/coded-error.js';
import { FakeEngine, gpuDevice } from '../../support/fake-engine.js';
import { RegistryUnderTest } from './registry-under-test.js';

const NEVER = new AbortController().signal;
const GIB = 2 ** 30;
const source = { source: { $case: 'uri', value: 'embedded:draft' } } as const;

/** One GPU, on which every model needs 2 GiB. */
function oneGpu(freeBytes: number) {
  const usage = { layers: 7, weightsBytes: 2 * GIB, kvCacheBytes: 0, computeBytes: 0 };
  const engine = new FakeEngine({
    devices: [gpuDevice('CUDA0', { totalBytes: 8 * GIB, freeBytes })],
    loaded: ({ placement }) => ({
      placement: {
        devices: [...placement.devices],
        gpuLayers: 7,
        totalLayers: 7,
        splitMode: placement.splitMode,
        mainDevice: placement.mainDevice,
        tensorSplit: [],
        usage: [{ device: placement.devices[0] ?? 'cpu', ...usage, totalBytes: 2 * GIB }],
        measured: true,
      },
    }),
  });
  return new RegistryUnderTest(engine);
}

function planFor(sut: RegistryUnderTest, assumeEmpty = false) {
  const placement = { devices: ['CUDA0'] };
  const draft = { source, draftFor: 'models/big', placement };
  return sut.registry.plan(PlanModelRequest.fromPartial({ draft, assumeEmpty }), NEVER);
}

describe('a plan of a draft for a target that is loaded', () => {
  it('shows the target as it is, and gives the draft the room that it may ask for', async () => {
    const sut = oneGpu(5 * GIB);
    const { loaded } = await sut.load('big', {
      placement: { devices: ['CUDA0'] },
      options: { contextLength: 48, parallelSequences: 3 },
    });

    const plan = await planFor(sut);

    expect(plan.fits).toBe(true);
    expect(plan.target).toMatchObject({ placement: loaded?.placement, suggestion: undefined });
    expect(plan.draft?.options).toMatchObject({ contextLength: 48, parallelSequences: 3 });
    expect(plan.draft?.placement?.measured).toBe(false);
    // What the target holds is not free any more.
    expect(plan.devices).toMatchObject([{ device: 'CUDA0', neededBytes: 2 * GIB, fits: true }]);
  });

  it('counts the target as well when it is made as if nothing were loaded', async () => {
    const sut = oneGpu(5 * GIB);
    await sut.load('big', { placement: { devices: ['CUDA0'] } });

    const { devices } = await planFor(sut, true);

    expect(devices).toMatchObject([
      {
        device: 'CUDA0',
        freeBytes: 8 * GIB,
        neededBytes: 4 * GIB,
        target: { totalBytes: 2 * GIB },
        draft: { totalBytes: 2 * GIB },
      },
    ]);
  });

  it('is refused while there is no such target', async () => {
    const sut = oneGpu(5 * GIB);

    await expect(planFor(sut)).rejects.toMatchObject({ reason: 'MODEL_NOT_FOUND' });
  });
});

describe('a load with wrong fields', () => {
  it('hears of those of its placement too, each once', async () => {
    const sut = oneGpu(5 * GIB);
    const violations = [
      { field: 'model_id', description: 'is missing' },
      { field: 'placement.devices[0]', description: 'is empty' },
    ];
    const refusal = new CodedError('INVALID_FIELD', 'model_id: is missing', { violations });
    const request = LoadModelRequest.fromPartial({
      source,
      placement: { devices: ['GPU9', 'none'] },
    });

    const joined = await sut.registry.withPlacementFaults(refusal, request);

    expect(joined.reason).toBe('INVALID_FIELD');
    expect(joined.violations.map(({ field }) => field)).toEqual([
      'model_id',
      'placement.devices[0]',
      'placement.devices[1]',
    ]);
  });

  it('hears of nothing more where its placement is right, or another reason stands', async () => {
    const sut = oneGpu(5 * GIB);
    const right = LoadModelRequest.fromPartial({ source, placement: { devices: ['CUDA0'] } });
    const wrong = LoadModelRequest.fromPartial({ source, placement: { devices: ['GPU9'] } });
    const invalid = new CodedError('INVALID_FIELD', 'no');
    const unsupported = new CodedError('NOT_SUPPORTED', 'no');

    expect(await sut.registry.withPlacementFaults(invalid, right)).toBe(invalid);
    expect(await sut.registry.withPlacementFaults(unsupported, wrong)).toBe(unsupported);
  });
});
