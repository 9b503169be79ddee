import { describe, expect, it } from '@jest/globals';
import { DevicePlacement, DeviceType, GpuLayersPreset, Role, SplitMode } from '@outrider/sdk/proto';
import { CodedError } from '../../../server/src/coded-error.js';
import { type EngineInventory } from '../../../server/src/engine/protocol.js';
import { resolvePlacement } from '../../../server/src/registry/placement.js';
import { gpuDevice } from '../../support/fake-engine.js';

type Wish = Parameters<typeof DevicePlacement.fromPartial>[0];

const CUDA = { name: 'CUDA', usable: true, reason: '' };
const RPC = { name: 'RPC', usable: true, reason: '' };
const VULKAN = { name: 'Vulkan', usable: false, reason: 'no driver' };
const TWO_GPUS: EngineInventory = {
  devices: [gpuDevice('CUDA0'), gpuDevice('CUDA1')],
  backends: [CUDA, VULKAN],
};
const NO_GPU: EngineInventory = { devices: [], backends: [] };

const over = (device: string) => ({ pattern: 'ffn', device });
const ALL = { layers: { $case: 'preset', value: GpuLayersPreset.ALL } } as const;
const count = (value: number) => ({ layers: { $case: 'count', value } }) as const;

function place(wish: Wish | undefined, role: Role = Role.TARGET, inventory = TWO_GPUS) {
  const requested = wish === undefined ? undefined : DevicePlacement.fromPartial(wish);
  return resolvePlacement(requested, role, inventory);
}

function refusalOf(wish: Wish, inventory = TWO_GPUS): CodedError | undefined {
  try {
    place(wish, Role.TARGET, inventory);
  } catch (error) {
    return CodedError.from(error);
  }
  return undefined;
}

describe('the devices of a model', () => {
  it.each<[string, Wish | undefined, Role, string[], number]>([
    ['a target without placement', undefined, Role.TARGET, ['CUDA0', 'CUDA1'], -1],
    ['a target with count 0', { gpuLayers: count(0) }, Role.TARGET, [], 0],
    ['a target with all layers', { gpuLayers: ALL }, Role.TARGET, ['CUDA0', 'CUDA1'], -1],
    ['a draft without placement', undefined, Role.DRAFT, [], 0],
    ['a draft with count 0', { gpuLayers: count(0) }, Role.DRAFT, [], 0],
    ['a draft that asks for layers', { gpuLayers: count(3) }, Role.DRAFT, ['CUDA0', 'CUDA1'], 3],
    ['a draft on auto', { devices: ['auto'] }, Role.DRAFT, ['CUDA0', 'CUDA1'], -1],
    ['a target on none', { devices: ['none'] }, Role.TARGET, [], 0],
    ['a target on the CPU', { devices: ['CPU'] }, Role.TARGET, [], 0],
    ['a list', { devices: ['cuda1', 'CUDA0'] }, Role.DRAFT, ['CUDA1', 'CUDA0'], -1],
    ['a list with count 0', { devices: ['CUDA1'], gpuLayers: count(0) }, Role.TARGET, [], 0],
  ])('of %s', (_title, wish, role, devices, gpuLayers) => {
    expect(place(wish, role).placement).toMatchObject({ devices, gpuLayers });
  });

  it('are the CPU without a warning when auto finds no GPU', () => {
    expect(place({ devices: ['auto'] }, Role.TARGET, NO_GPU)).toMatchObject({
      placement: { devices: [], gpuLayers: 0, mainDevice: '' },
      warnings: [],
    });
  });

  it('are integrated GPUs only if there is no other', () => {
    const shared = gpuDevice('Vulkan0', { type: DeviceType.INTEGRATED_GPU });
    const both = { devices: [shared, gpuDevice('CUDA0')], backends: [] };

    expect(place(undefined, Role.TARGET, both).placement.devices).toEqual(['CUDA0']);
    expect(place(undefined, Role.TARGET, { ...both, devices: [shared] }).placement.devices).toEqual(
      ['Vulkan0'],
    );
  });

  it('count a card that two backends show once', () => {
    const devices = ['CUDA0', 'Vulkan0'].map(name => gpuDevice(name, { hardwareId: '01:00' }));

    expect(place(undefined, Role.TARGET, { devices, backends: [] }).placement.devices).toEqual([
      'CUDA0',
    ]);
  });

  it('are only the main one when nothing is split', () => {
    const wish = { devices: ['CUDA0', 'CUDA1'], splitMode: SplitMode.NONE, mainDevice: 'cuda1' };

    expect(place(wish).placement).toMatchObject({ devices: ['CUDA1'], mainDevice: 'CUDA1' });
  });

  it('are told when one reports no memory', () => {
    const devices = [gpuDevice('CUDA0', { memoryKnown: false })];

    expect(place(undefined, Role.TARGET, { devices, backends: [] }).warnings).toEqual([
      expect.objectContaining({ code: 'DEVICE_MEMORY_UNKNOWN' }),
    ]);
  });
});

describe('a placement', () => {
  it.each<[string, string, Wish]>([
    ['PLACEMENT_CONFLICT', 'devices[1]', { devices: ['CUDA0', 'none'] }],
    ['PLACEMENT_CONFLICT', 'devices[0]', { devices: ['auto', 'CUDA0'] }],
    ['PLACEMENT_CONFLICT', 'devices[1]', { devices: ['CUDA0', 'cuda0'] }],
    ['PLACEMENT_CONFLICT', 'gpu_layers', { devices: ['none'], gpuLayers: ALL }],
    ['PLACEMENT_CONFLICT', 'gpu_layers', { devices: ['cpu'], gpuLayers: count(3) }],
    ['PLACEMENT_CONFLICT', 'tensor_split', { devices: ['none'], tensorSplit: [1] }],
    ['PLACEMENT_CONFLICT', 'split_mode', { devices: ['none'], splitMode: SplitMode.LAYER }],
    ['PLACEMENT_CONFLICT', 'main_device', { devices: ['none'], mainDevice: 'CUDA0' }],
    ['PLACEMENT_CONFLICT', 'main_device', { devices: ['CUDA0'], mainDevice: 'CUDA1' }],
    ['PLACEMENT_CONFLICT', 'main_device', { mainDevice: 'CUDA1' }],
    ['PLACEMENT_CONFLICT', 'tensor_split', { splitMode: SplitMode.NONE, tensorSplit: [1, 1] }],
    ['PLACEMENT_CONFLICT', 'split_mode', { devices: ['CUDA0'], splitMode: SplitMode.ROW }],
    ['PLACEMENT_CONFLICT', 'split_mode', { devices: ['CUDA0'], splitMode: SplitMode.TENSOR }],
    ['PLACEMENT_CONFLICT', 'main_device', { splitMode: SplitMode.TENSOR, mainDevice: 'CUDA1' }],
    ['PLACEMENT_CONFLICT', 'kv_offload', { splitMode: SplitMode.TENSOR, kvOffload: false }],
    [
      'PLACEMENT_CONFLICT',
      'tensor_overrides[1].device',
      { splitMode: SplitMode.TENSOR, tensorOverrides: [over('CPU'), over('CUDA1')] },
    ],
    ['TENSOR_SPLIT_LENGTH', 'tensor_split', { tensorSplit: [1] }],
    ['UNKNOWN_DEVICE', 'devices[0]', { devices: ['CUDA7'] }],
    ['UNKNOWN_DEVICE', 'devices[0]', { devices: ['GPU0'] }],
    ['UNKNOWN_DEVICE', 'main_device', { mainDevice: 'CUDA9' }],
    ['UNKNOWN_DEVICE', 'tensor_overrides[0].device', { tensorOverrides: [over('GPU9')] }],
    [
      'PLACEMENT_CONFLICT',
      'tensor_overrides[1].device',
      { devices: ['CUDA0'], tensorOverrides: [over('cpu'), over('CUDA1')] },
    ],
    [
      'PLACEMENT_CONFLICT',
      'tensor_overrides[0].device',
      { devices: ['none'], tensorOverrides: [over('CUDA0')] },
    ],
  ])('is refused as %s at %s (%#)', (reason, field, wish) => {
    expect(refusalOf(wish)).toMatchObject({
      reason,
      violations: [{ field: `placement.${field}` }],
    });
  });

  it('says which devices there are', () => {
    expect(refusalOf({ devices: ['GPU0'] })?.metadata).toEqual({
      device: 'GPU0',
      valid: 'cpu,CUDA0,CUDA1',
    });
  });

  it('says why a backend is not there', () => {
    expect(refusalOf({ devices: ['Vulkan0'] })).toMatchObject({
      reason: 'BACKEND_UNAVAILABLE',
      metadata: { device: 'Vulkan0', backend: 'Vulkan', cause: 'no driver' },
    });
    expect(refusalOf({ devices: ['CUDA0'] }, NO_GPU)).toMatchObject({
      reason: 'BACKEND_UNAVAILABLE',
      metadata: { backend: 'CUDA', cause: 'not installed' },
    });
  });

  it('cannot be split by rows where no backend can', () => {
    expect(refusalOf({ splitMode: SplitMode.ROW })).toMatchObject({
      reason: 'BACKEND_UNAVAILABLE',
      metadata: { device: 'CUDA0', backend: 'CUDA' },
    });
  });

  it('is split by TENSOR for targets, where the driver is not a software one', () => {
    const wish = { splitMode: SplitMode.TENSOR, tensorSplit: [3, 1] };
    const soft = (name: string) => gpuDevice(name, { description: 'llvmpipe (LLVM 15.0.6)' });
    const software = { devices: ['Vulkan0', 'Vulkan1'].map(soft), backends: [] };

    expect(place(wish).placement).toMatchObject({
      devices: ['CUDA0', 'CUDA1'],
      ...wish,
    });
    expect(() => place({ ...wish, devices: ['auto'] }, Role.DRAFT)).toThrow(
      expect.objectContaining({ reason: 'PLACEMENT_CONFLICT' }),
    );
    expect(refusalOf(wish, software)).toMatchObject({
      reason: 'BACKEND_UNAVAILABLE',
      metadata: { device: 'Vulkan0', backend: 'Vulkan' },
    });
  });

  it('is on remote devices only where it names them', () => {
    const type = DeviceType.REMOTE;
    const remote = gpuDevice('RPC0', { type, description: '10.0.0.7:50052' });
    const inventory = { devices: [gpuDevice('CUDA0'), remote], backends: [CUDA, RPC] };

    expect(place({}, Role.TARGET, inventory).placement.devices).toEqual(['CUDA0']);
    expect(place({ devices: ['rpc0', 'CUDA0'] }, Role.TARGET, inventory).placement.devices).toEqual(
      ['RPC0', 'CUDA0'],
    );
    expect(refusalOf({ devices: ['RPC1'] }, inventory)?.reason).toBe('UNKNOWN_DEVICE');
  });

  it('says which worker is missing, or what brings workers', () => {
    const lost = { name: 'RPC[10.0.0.8:1]', usable: false, reason: 'it cannot be reached' };
    const causeOf = (backends: EngineInventory['backends']) => {
      const refusal = refusalOf({ devices: ['RPC1'] }, { devices: [], backends });
      return [refusal?.reason, refusal?.metadata['cause']];
    };

    expect(causeOf([RPC, lost])).toEqual([
      'BACKEND_UNAVAILABLE',
      'RPC[10.0.0.8:1]: it cannot be reached',
    ]);
    expect(causeOf([{ ...RPC, usable: false, reason: 'no workers' }])).toEqual([
      'BACKEND_UNAVAILABLE',
      'no workers',
    ]);
    expect(causeOf([])).toEqual(['BACKEND_UNAVAILABLE', expect.stringContaining('GGML_RPC=ON')]);
  });

  it('falls back to the CPU with a warning when that is allowed, and only for a missing backend', () => {
    expect(place({ devices: ['Vulkan0'], gpuLayers: ALL, allowFallback: true })).toMatchObject({
      placement: { devices: [], gpuLayers: 0 },
      auto: false,
      warnings: [{ code: 'FELL_BACK_TO_CPU', field: 'placement.devices' }],
    });
    expect(refusalOf({ devices: ['GPU7'], allowFallback: true })?.reason).toBe('UNKNOWN_DEVICE');
  });

  it('pins tensors in the order given, experts last', () => {
    const moeOnCpu = { $case: 'nCpuMoe', value: 2 } as const;
    const { placement } = place({ tensorOverrides: [over('cuda1')], moeOnCpu });

    expect(placement.tensorOverrides).toEqual([
      { pattern: 'ffn', device: 'CUDA1', field: 'placement.tensor_overrides[0]' },
      {
        pattern: '^blk\\.(0|1)\\.ffn_(up|down|gate|gate_up)_(ch|)exps',
        device: 'cpu',
        field: 'placement.n_cpu_moe',
      },
    ]);
  });

  it('needs shares when one of several devices reports no memory', () => {
    const devices = [gpuDevice('CUDA0'), gpuDevice('CUDA1', { memoryKnown: false })];
    const inventory = { devices, backends: [] };

    expect(refusalOf({}, inventory)).toMatchObject({ reason: 'PLACEMENT_CONFLICT' });
    expect(refusalOf({ tensorSplit: [1, 1] }, inventory)).toBeUndefined();
  });
});
