import { describe, expect, it } from '@jest/globals';
import {
  type DeviceInfo,
  DevicePlacement,
  DeviceType,
  type EffectivePlacement,
  GpuLayersPreset,
  Role,
  SplitMode,
  type TensorOverride,
} from '@outrider/sdk/proto';
import fc from 'fast-check';
import { CodedError } from '../../../server/src/coded-error.js';
import { readBack } from '../../../server/src/engine/effective-placement.js';
import { type EngineInventory } from '../../../server/src/engine/protocol.js';
import { type Resolution, resolvePlacement } from '../../../server/src/registry/placement.js';
import { gpuDevice } from '../../support/fake-engine.js';
import {
  BLOCK_TENSORS,
  COMPUTE_BYTES,
  engineDevices,
  KV_BYTES,
  obedientLoad,
} from '../../support/obedient-load.js';

const names = ['CUDA0', 'CUDA1', 'CUDA2', 'Vulkan0', 'RPC0'];
const wishedNames = [...names, 'cuda1', 'CPU', 'none', 'auto', 'GPU9', 'SYCL0'];
const preset = (value: GpuLayersPreset) => ({ layers: { $case: 'preset', value } }) as const;
const count = (value: number) => ({ layers: { $case: 'count', value } }) as const;

const wishes = fc
  .record({
    devices: fc.oneof(
      fc.constant<string[]>([]),
      fc.shuffledSubarray(names, { minLength: 1 }),
      fc.array(fc.constantFrom(...wishedNames), { maxLength: 3 }),
    ),
    gpuLayers: fc.option(
      fc.oneof(
        fc.constantFrom(preset(GpuLayersPreset.ALL), preset(GpuLayersPreset.AUTO)),
        fc.nat({ max: 12 }).map(count),
      ),
      { nil: undefined },
    ),
    tensorSplit: fc.oneof(
      { weight: 3, arbitrary: fc.constant<number[]>([]) },
      { weight: 2, arbitrary: fc.array(fc.constantFrom(0.5, 1, 3), { maxLength: 3 }) },
    ),
    splitMode: fc.constantFrom(
      SplitMode.UNSPECIFIED,
      SplitMode.UNSPECIFIED,
      SplitMode.NONE,
      SplitMode.LAYER,
      SplitMode.ROW,
      SplitMode.TENSOR,
    ),
    mainDevice: fc.oneof(
      { weight: 3, arbitrary: fc.constant('') },
      { weight: 1, arbitrary: fc.constantFrom(...wishedNames) },
    ),
    tensorOverrides: fc.oneof(
      { weight: 2, arbitrary: fc.constant<TensorOverride[]>([]) },
      {
        weight: 1,
        arbitrary: fc.array(
          fc.record({
            pattern: fc.constantFrom('ffn_up', '^blk\\.1\\.', 'attn', 'exps'),
            device: fc.constantFrom(...names, 'cpu'),
          }),
          { maxLength: 2 },
        ),
      },
    ),
    moeOnCpu: fc.option(
      fc.oneof(
        fc.boolean().map(value => ({ $case: 'cpuMoe', value }) as const),
        fc.nat({ max: 4 }).map(value => ({ $case: 'nCpuMoe', value }) as const),
      ),
      { nil: undefined },
    ),
    kvOffload: fc.option(fc.boolean(), { nil: undefined }),
    allowFallback: fc.boolean(),
  })
  .map(wish => DevicePlacement.fromPartial(wish));

/** Machines: any of the devices, of any kind, some of which may be one card, and some silent about their memory. */
const inventories: fc.Arbitrary<EngineInventory> = fc
  .tuple(
    fc.subarray(names),
    fc.array(fc.constantFrom(DeviceType.GPU, DeviceType.GPU, DeviceType.INTEGRATED_GPU), {
      minLength: names.length,
      maxLength: names.length,
    }),
    fc.array(fc.constantFrom('', '', '', '01:00'), {
      minLength: names.length,
      maxLength: names.length,
    }),
    fc.constantFrom(true, true, true, false),
  )
  .map(([present, types, cards, memoryKnown]) => {
    const devices = present.map((name, i) =>
      gpuDevice(name, {
        type: name.startsWith('RPC') ? DeviceType.REMOTE : (types[i] ?? DeviceType.GPU),
        hardwareId: cards[i] ?? '',
        memoryKnown,
      }),
    );
    const backends = [...new Set(devices.map(({ backend }) => backend))];
    return { devices, backends: backends.map(name => ({ name, usable: true, reason: '' })) };
  });

const roles = fc.constantFrom(Role.TARGET, Role.DRAFT);

describe('any placement asked of any machine', () => {
  it('is refused with the path of a field, or carried out as asked and read back so', () => {
    const seen = { refused: 0, onCpu: 0, onOne: 0, onSeveral: 0 };
    fc.assert(
      fc.property(
        wishes,
        roles,
        inventories,
        fc.integer({ min: 2, max: 9 }),
        (wish, role, machine, total) => {
          const resolved = resolvedOrRefused(wish, role, machine);
          if (resolved instanceof CodedError) {
            seen.refused += 1;
            expectFieldNamed(resolved);
            return;
          }
          const { placement } = readBack(
            obedientLoad(resolved.placement, total),
            resolved.placement,
            total,
            engineDevices(machine.devices),
          );
          const fell = resolved.warnings.some(({ code }) => code === 'FELL_BACK_TO_CPU');
          expect(fell && !wish.allowFallback).toBe(false);
          const devices = fell ? [] : devicesAskedFor(wish, role, machine.devices);
          expect(placement.devices).toEqual(devices);
          expectLayers(wish, placement, total);
          if (!fell) expectBytes(wish, placement);
          seen[devices.length === 0 ? 'onCpu' : devices.length === 1 ? 'onOne' : 'onSeveral'] += 1;
        },
      ),
      { numRuns: 1_500 },
    );
    for (const often of Object.values(seen)) expect(often).toBeGreaterThan(20);
  });

  it('fails as violated when a byte ends where it was not asked for', () => {
    let violated = 0;
    fc.assert(
      fc.property(
        wishes,
        roles,
        inventories,
        fc.constantFrom(...names),
        (wish, role, machine, stray) => {
          const resolved = resolvedOrRefused(wish, role, machine);
          if (resolved instanceof CodedError) return;
          if (resolved.placement.devices.includes(stray)) return;
          if (!machine.devices.some(({ name }) => name === stray)) return;
          const { layers, buffers } = obedientLoad(resolved.placement, 4);
          const strayed = {
            layers,
            buffers: [...buffers, { type: stray, holds: 'kv', bytes: 1 } as const],
          };
          violated += 1;
          expect(() =>
            readBack(strayed, resolved.placement, 4, engineDevices(machine.devices)),
          ).toThrow(
            expect.objectContaining({
              reason: 'PLACEMENT_VIOLATED',
              metadata: expect.objectContaining({ device: stray }),
            }),
          );
        },
      ),
      { numRuns: 1_000 },
    );
    expect(violated).toBeGreaterThan(50);
  });
});

function resolvedOrRefused(
  wish: DevicePlacement,
  role: Role,
  machine: EngineInventory,
): Resolution | CodedError {
  try {
    return resolvePlacement(wish, role, machine);
  } catch (error) {
    if (error instanceof CodedError) return error;
    throw error;
  }
}

function expectFieldNamed({ reason, message, violations }: CodedError): void {
  expect(message).toMatch(/^placement\.[a-z_]+(\[\d+\])?(\.device)?: /);
  if (reason !== 'BACKEND_UNAVAILABLE') expect(violations).not.toEqual([]);
  for (const { field } of violations) expect(field).toMatch(/^placement\./);
}

/** The table of the contract, by itself. */
function devicesAskedFor(
  { devices: wished, gpuLayers, splitMode, mainDevice }: DevicePlacement,
  role: Role,
  there: readonly DeviceInfo[],
): string[] {
  const layers = gpuLayers?.layers;
  const [word = 'auto'] = wished.map(name => name.toLowerCase());
  if (word === 'none' || word === 'cpu') return [];
  if (layers?.$case === 'count' && layers.value === 0) return [];
  if (wished.length === 0 && role === Role.DRAFT && layers === undefined) return [];
  const called = (name: string) => (info: DeviceInfo) =>
    info.name.toLowerCase() === name.toLowerCase();
  const chosen =
    word === 'auto' ? everyGpu(there) : wished.flatMap(name => there.filter(called(name)));
  if (splitMode !== SplitMode.NONE) return chosen.map(({ name }) => name);
  return chosen.filter(called(mainDevice || (chosen[0]?.name ?? ''))).map(({ name }) => name);
}

function everyGpu(there: readonly DeviceInfo[]): DeviceInfo[] {
  const discrete = there.filter(({ type }) => type === DeviceType.GPU);
  const gpus =
    discrete.length > 0 ? discrete : there.filter(({ type }) => type === DeviceType.INTEGRATED_GPU);
  const first = (card: string) => gpus.find(({ hardwareId }) => hardwareId === card);
  return gpus.filter(gpu => gpu.hardwareId === '' || first(gpu.hardwareId) === gpu);
}

function expectLayers(wish: DevicePlacement, placement: EffectivePlacement, total: number): void {
  const { devices, usage, gpuLayers, tensorSplit, mainDevice } = placement;
  const layers = wish.gpuLayers?.layers;
  const asked = layers?.$case === 'count' ? Math.min(layers.value, total) : total;
  const on = (name: string) => usage.find(({ device }) => device === name)?.layers ?? 0;
  expect(gpuLayers).toBe(devices.length === 0 ? 0 : asked);
  expect(on('cpu')).toBe(total - gpuLayers);
  expect(usage.reduce((sum, each) => sum + each.layers, 0)).toBe(total);
  if (devices.length === 0) expect(mainDevice).toBe('');
  else if (wish.mainDevice === '') expect(mainDevice).toBe(devices[0]);
  else expect(mainDevice.toLowerCase()).toBe(wish.mainDevice.toLowerCase());
  const sum = wish.tensorSplit.reduce((a, b) => a + b, 0);
  wish.tensorSplit.slice(0, devices.length).forEach((share, i) => {
    expect(tensorSplit[i]).toBeCloseTo(share / sum);
    expect(Math.abs(on(devices[i] ?? '') - (share / sum) * gpuLayers)).toBeLessThan(1);
  });
}

/** Every byte where the wish says: tensors by the first override, then by the experts' setting, then by their layer. */
function expectBytes(wish: DevicePlacement, placement: EffectivePlacement): void {
  const { usage, devices, totalLayers } = placement;
  const expected = new Map<string, number>();
  const add = (device: string, bytes: number) =>
    expected.set(device, (expected.get(device) ?? 0) + bytes);
  const owners = ['cpu', ...devices].flatMap(device => {
    const layers = usage.find(each => each.device === device)?.layers ?? 0;
    return Array.from({ length: layers }, () => device);
  });
  const experts = wish.moeOnCpu;
  const onHost = experts?.$case === 'nCpuMoe' ? experts.value : experts?.value ? totalLayers : 0;
  owners.forEach((owner, layer) => {
    if (layer === totalLayers - 1) return add(owner, 1);
    add(wish.kvOffload === false ? 'cpu' : owner, KV_BYTES);
    for (const tensor of BLOCK_TENSORS) {
      const name = `blk.${layer}.${tensor}.weight`;
      const pin = wish.tensorOverrides.find(({ pattern }) => new RegExp(pattern).test(name));
      const hosted = tensor.endsWith('exps') && layer < onHost ? 'cpu' : owner;
      add(pin?.device ?? hosted, 1);
    }
    return undefined;
  });
  for (const device of new Set(['cpu', ...devices])) add(device, COMPUTE_BYTES);
  const held = new Map(usage.map(({ device, totalBytes }) => [device, totalBytes]));
  expect(held).toEqual(expected);
}
