import {
  DevicePlacement,
  FlashAttention,
  GpuLayersPreset,
  KvCacheType,
  LoadModelRequest,
  Role,
  RuntimeOptions,
  SplitMode,
} from '@outrider/sdk/proto';
import { DEFAULT_ENGINE } from '../engine/engine-pool.js';
import { canonicalName } from './model-name.js';
import { roleOf } from './record.js';

/**
 * Paths of the fields in which two loads of one id differ, in proto names; empty when they ask for the same model.
 * What is unset counts as its default, where that does not depend on the file or the machine. `detached` and `replace` do not
 * count: they say how to load, not what.
 */
export function differingFields(a: LoadModelRequest, b: LoadModelRequest): string[] {
  const [left, right] = [flatten(normal(a)), flatten(normal(b))];
  const paths = new Set([...left.keys(), ...right.keys()]);
  return [...paths].filter(path => left.get(path) !== right.get(path)).sort();
}

function normal(request: LoadModelRequest): LoadModelRequest {
  return LoadModelRequest.fromPartial({
    ...request,
    modelId: canonicalName(request.modelId) ?? request.modelId,
    draftFor: canonicalName(request.draftFor) ?? request.draftFor,
    role: roleOf(request),
    placement: normalPlacement(request.placement, roleOf(request)),
    options: normalOptions(request.options),
    engine: request.engine || DEFAULT_ENGINE,
    replace: false,
    detached: false,
  });
}

function normalPlacement(given: DevicePlacement | undefined, role: Role): DevicePlacement {
  const placement = given ?? DevicePlacement.fromPartial({});
  const layers = placement.gpuLayers?.layers;
  const named = placement.devices.map(name => name.toLowerCase().replace(/^cpu$/, 'none'));
  const byRole = role === Role.DRAFT && layers === undefined ? 'none' : 'auto';
  return {
    ...placement,
    devices: named.length === 0 ? [byRole] : named,
    gpuLayers: {
      layers:
        layers?.$case === 'preset' && layers.value === GpuLayersPreset.UNSPECIFIED
          ? { $case: 'preset', value: GpuLayersPreset.AUTO }
          : layers,
    },
    splitMode: orDefault(placement.splitMode, SplitMode.UNSPECIFIED, SplitMode.LAYER),
    kvOffload: placement.kvOffload ?? true,
  };
}

function normalOptions(given: RuntimeOptions | undefined): RuntimeOptions {
  const options = given ?? RuntimeOptions.fromPartial({});
  return {
    ...options,
    batchSize: options.batchSize ?? 2048,
    microBatchSize: options.microBatchSize ?? 512,
    kvTypeK: orDefault(options.kvTypeK, KvCacheType.UNSPECIFIED, KvCacheType.F16),
    kvTypeV: orDefault(options.kvTypeV, KvCacheType.UNSPECIFIED, KvCacheType.F16),
    flashAttention: orDefault(
      options.flashAttention,
      FlashAttention.UNSPECIFIED,
      FlashAttention.AUTO,
    ),
    mmap: options.mmap ?? true,
    mlock: options.mlock ?? false,
    calibrate: options.calibrate ?? true,
  };
}

function orDefault<Value extends string>(given: Value, unset: Value, otherwise: Value): Value {
  return given === unset ? otherwise : given;
}

/** Leaves of a message by path. What is unset has none, so that it equals a field that is missing. */
function flatten(value: unknown, path = '', into = new Map<string, unknown>()) {
  if (Array.isArray(value)) {
    value.forEach((item, i) => flatten(item, `${path}[${i}]`, into));
  } else if (isOneof(value)) {
    // Members of a oneof are fields of the message around it.
    const parent = path.slice(0, Math.max(0, path.lastIndexOf('.')));
    flatten(value.value, join(parent, value.$case), into);
  } else if (typeof value === 'object' && value !== null) {
    for (const [key, item] of Object.entries(value)) flatten(item, join(path, key), into);
  } else if (value !== undefined) {
    into.set(path, value);
  }
  return into;
}

function join(parent: string, key: string): string {
  const name = key.replace(/[A-Z]/g, letter => `_${letter.toLowerCase()}`);
  return parent === '' ? name : `${parent}.${name}`;
}

function isOneof(value: unknown): value is { $case: string; value: unknown } {
  return typeof value === 'object' && value !== null && '$case' in value && 'value' in value;
}
