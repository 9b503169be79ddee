import * as wire from '../proto.js';
import { type EffectivePlacement, type Placement } from '../types/placement.js';
import { splitMode } from './enums.js';
import { refuseUnknown, textOrAbsent, withoutAbsent } from './presence.js';

/** A placement as it is sent. @throws InvalidRequestError for unknown options and values */
export function writePlacement(options: Placement, where: string): wire.DevicePlacement {
  const {
    devices,
    gpuLayers,
    tensorSplit,
    splitMode: split,
    mainDevice,
    tensorOverrides,
    cpuMoe,
    kvOffload,
    memoryMarginBytes,
    allowFallback,
    ...unknown
  } = options;
  refuseUnknown(unknown, `${where}.`);
  return {
    devices: typeof devices === 'string' ? [devices] : [...(devices ?? [])],
    gpuLayers: gpuLayers === undefined ? undefined : { layers: writeLayers(gpuLayers) },
    tensorSplit: [...(tensorSplit ?? [])],
    splitMode: splitMode.write(split, `${where}.splitMode`),
    mainDevice: mainDevice ?? '',
    tensorOverrides: (tensorOverrides ?? []).map(({ pattern, device }) => ({ pattern, device })),
    moeOnCpu: writeMoe(cpuMoe),
    kvOffload,
    memoryMarginBytes,
    allowFallback: allowFallback ?? false,
  };
}

/** A placement as it was requested. */
export function readPlacement(placement: wire.DevicePlacement): Placement {
  return withoutAbsent({
    devices: readDevices(placement.devices),
    gpuLayers: readLayers(placement.gpuLayers?.layers),
    tensorSplit: listOrAbsent(placement.tensorSplit),
    splitMode: splitMode.read(placement.splitMode),
    mainDevice: textOrAbsent(placement.mainDevice),
    tensorOverrides: listOrAbsent(placement.tensorOverrides),
    cpuMoe: readMoe(placement.moeOnCpu),
    kvOffload: placement.kvOffload,
    memoryMarginBytes: placement.memoryMarginBytes,
    allowFallback: placement.allowFallback || undefined,
  });
}

/** A placement as it came out. */
export function readEffectivePlacement(placement: wire.EffectivePlacement): EffectivePlacement {
  return {
    ...placement,
    splitMode: splitMode.read(placement.splitMode),
    mainDevice: textOrAbsent(placement.mainDevice),
  };
}

/** The inverse of {@link readEffectivePlacement}. */
export function writeEffectivePlacement(placement: EffectivePlacement): wire.EffectivePlacement {
  return {
    ...placement,
    splitMode: splitMode.write(placement.splitMode, 'splitMode'),
    mainDevice: placement.mainDevice ?? '',
  };
}

type WireLayers = wire.GpuLayers['layers'];
type WireMoe = wire.DevicePlacement['moeOnCpu'];

function writeLayers(layers: 'auto' | 'all' | number): WireLayers {
  switch (layers) {
    case 'auto':
      return { $case: 'preset', value: wire.GpuLayersPreset.AUTO };
    case 'all':
      return { $case: 'preset', value: wire.GpuLayersPreset.ALL };
    default:
      return { $case: 'count', value: layers };
  }
}

function readLayers(layers: WireLayers): Placement['gpuLayers'] {
  if (layers === undefined) return undefined;
  if (layers.$case === 'count') return layers.value;
  switch (layers.value) {
    case wire.GpuLayersPreset.ALL:
      return 'all';
    case wire.GpuLayersPreset.AUTO:
    case wire.GpuLayersPreset.UNSPECIFIED:
      return 'auto';
    default:
      return undefined;
  }
}

function writeMoe(cpuMoe: Placement['cpuMoe']): WireMoe {
  if (cpuMoe === undefined) return undefined;
  return cpuMoe === true ? { $case: 'cpuMoe', value: true } : { $case: 'nCpuMoe', value: cpuMoe };
}

function readMoe(moe: WireMoe): Placement['cpuMoe'] {
  if (moe === undefined) return undefined;
  if (moe.$case === 'nCpuMoe') return moe.value;
  return moe.value ? true : undefined;
}

function readDevices(devices: string[]): Placement['devices'] {
  const [first, ...others] = devices;
  if (first === undefined) return undefined;
  return others.length === 0 && (first === 'auto' || first === 'none') ? first : devices;
}

function listOrAbsent<T>(list: T[]): T[] | undefined {
  return list.length === 0 ? undefined : list;
}
