import { type DeviceInfo, type DevicePlacement } from '@outrider/sdk/proto';
import { type EngineInventory, type ResolvedOverride } from '../engine/protocol.js';
import { addUnknownDevice, findDevice } from './device-selection.js';
import { type Issues } from './issues.js';

/** Overrides and MoE settings in the order in which they win. Faults go to `issues`. */
export function resolveOverrides(
  requested: DevicePlacement | undefined,
  devices: readonly DeviceInfo[],
  inventory: EngineInventory,
  issues: Issues,
): ResolvedOverride[] {
  if (requested === undefined) return [];
  const overrides = requested.tensorOverrides.map(({ pattern, device: name }, i) => {
    const field = `placement.tensor_overrides[${i}]`;
    if (name.toLowerCase() === 'cpu') return { pattern, device: 'cpu', field };
    const device = findDevice(name, inventory);
    if (device === undefined) addUnknownDevice(`${field}.device`, name, inventory, issues);
    else if (!devices.includes(device)) {
      const description = `${device.name} is not one of the chosen devices`;
      issues.add({ reason: 'PLACEMENT_CONFLICT', field: `${field}.device`, description });
    }
    return { pattern, device: device?.name ?? name, field };
  });
  return [...overrides, ...expertsOnCpu(requested)];
}

const EXPERTS = 'ffn_(up|down|gate|gate_up)_(ch|)exps';

function expertsOnCpu({ moeOnCpu }: DevicePlacement): ResolvedOverride[] {
  if (moeOnCpu === undefined) return [];
  if (moeOnCpu.$case === 'cpuMoe') {
    const field = 'placement.cpu_moe';
    return moeOnCpu.value ? [{ pattern: `\\.${EXPERTS}`, device: 'cpu', field }] : [];
  }
  if (moeOnCpu.value === 0) return [];
  const layers = Array.from({ length: moeOnCpu.value }, (_, layer) => layer).join('|');
  const pattern = `^blk\\.(${layers})\\.${EXPERTS}`;
  return [{ pattern, device: 'cpu', field: 'placement.n_cpu_moe' }];
}
