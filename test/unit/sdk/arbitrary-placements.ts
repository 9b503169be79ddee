import * as wire from '@outrider/sdk/proto';
import fc from 'fast-check';
import {
  bytes,
  flag,
  float,
  list,
  maybe,
  named,
  oneOf,
  record,
  text,
  uint32,
} from './arbitrary-fields.js';

/** What a model holds on a device. */
export const usage = record<wire.DeviceUsage>({
  device: text,
  layers: uint32,
  weightsBytes: bytes,
  kvCacheBytes: bytes,
  computeBytes: bytes,
  totalBytes: bytes,
});

/** Placements as they came out. */
export const effectivePlacement = record<wire.EffectivePlacement>({
  devices: list(text),
  gpuLayers: uint32,
  totalLayers: uint32,
  splitMode: oneOf(wire.SplitMode),
  mainDevice: text,
  tensorSplit: list(float),
  usage: list(usage),
  measured: flag,
});

const layers = fc.oneof(
  named(wire.GpuLayersPreset).map(value => ({ $case: 'preset', value }) as const),
  uint32.map(value => ({ $case: 'count', value }) as const),
);

/** Placements as they are requested. */
export const placement = record<wire.DevicePlacement>({
  devices: fc.oneof(
    list(text),
    fc.constantFrom<string[]>(['auto'], ['none'], ['cpu'], ['CUDA1', 'CUDA0']),
  ),
  gpuLayers: maybe(layers.map(value => ({ layers: value }))),
  tensorSplit: list(float),
  splitMode: oneOf(wire.SplitMode),
  mainDevice: text,
  tensorOverrides: list(record({ pattern: text, device: text })),
  moeOnCpu: maybe(
    fc.oneof(
      fc.constant({ $case: 'cpuMoe', value: true } as const),
      uint32.map(value => ({ $case: 'nCpuMoe', value }) as const),
    ),
  ),
  kvOffload: maybe(flag),
  memoryMarginBytes: maybe(bytes),
  allowFallback: flag,
});
