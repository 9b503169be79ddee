import { type DeviceInfo } from '@outrider/sdk/proto';
import { type Readings } from '../../server/src/engine/effective-placement.js';
import { type Device } from '../../server/src/engine/llama/devices.js';
import { type LoggedBuffer } from '../../server/src/engine/llama/log.js';
import { type ResolvedPlacement } from '../../server/src/engine/protocol.js';

/** Tensors of each block of the imagined model, one byte each. */
export const BLOCK_TENSORS = ['attn_q', 'ffn_up', 'ffn_up_exps'] as const;

/** Bytes of each block's cache, and of the scratch on each device that takes part. */
export const [KV_BYTES, COMPUTE_BYTES] = [1_000, 1_000_000];

/**
 * What the log of a load would tell if llama.cpp did just what it is asked for: the rule by which it gives layers to
 * devices, overrides tensor by tensor, and the cache beside its layer or on the host.
 * @param totalLayers output layer included
 */
export function obedientLoad(placement: ResolvedPlacement, totalLayers: number): Readings {
  const layers = new Map(
    Array.from({ length: totalLayers }, (_, i) => [i, deviceOfLayer(i, placement, totalLayers)]),
  );
  const buffers: LoggedBuffer[] = [];
  for (const [layer, device] of layers) {
    if (layer === totalLayers - 1) {
      buffers.push({ type: device, holds: 'weights', bytes: 1 });
      continue;
    }
    for (const tensor of BLOCK_TENSORS) {
      const name = `blk.${layer}.${tensor}.weight`;
      const pinned = placement.tensorOverrides.find(({ pattern }) =>
        new RegExp(pattern).test(name),
      );
      const type = pinned === undefined ? device : backendName(pinned.device);
      buffers.push({ type, holds: 'weights', bytes: 1 });
    }
    buffers.push({ type: placement.kvOffload ? device : 'CPU', holds: 'kv', bytes: KV_BYTES });
  }
  for (const device of new Set([...placement.devices, 'CPU']))
    buffers.push({ type: device, holds: 'compute', bytes: COMPUTE_BYTES });
  return { layers, buffers };
}

/** Devices as the engine knows them, `cpu` among them. */
export function engineDevices(infos: readonly DeviceInfo[]): Device[] {
  return ['cpu', ...infos.map(({ name }) => name)].map(
    name =>
      ({ info: { name }, bufferTypes: [backendName(name)], mapsFiles: false }) as unknown as Device,
  );
}

/** Layers fill the devices from the end of the model; each device takes those within its cumulative share. */
function deviceOfLayer(layer: number, asked: ResolvedPlacement, totalLayers: number): string {
  const { devices, gpuLayers, tensorSplit } = asked;
  const count = gpuLayers < 0 ? totalLayers : Math.min(gpuLayers, totalLayers);
  const position = layer - (totalLayers - count);
  if (position < 0 || devices.length === 0) return 'CPU';
  const shares = devices.map((_, i) => tensorSplit[i] ?? 1);
  const sum = shares.reduce((a, b) => a + b, 0);
  let reached = 0;
  const index = shares.findIndex(share => {
    reached += share / sum;
    return reached > position / count;
  });
  return devices[index] ?? devices.at(-1) ?? 'CPU';
}

function backendName(device: string): string {
  return device === 'cpu' ? 'CPU' : device;
}
