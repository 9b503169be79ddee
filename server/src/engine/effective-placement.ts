import {
  type DeviceUsage,
  type EffectivePlacement,
  SplitMode,
  type Warning,
} from '@outrider/sdk/proto';
import { CodedError } from '../coded-error.js';
import { type Device } from './llama/devices.js';
import { type LoggedBuffer } from './llama/log.js';
import { type ResolvedPlacement } from './protocol.js';
import { isShared } from './tensor-parallel.js';

/** Where a load really went, and what deserves a look. */
export interface ReadBack {
  readonly placement: EffectivePlacement;
  readonly warnings: readonly Warning[];
}

/** Layers and buffers of a load, as its log tells or as they are expected. */
export interface Readings {
  /** Device of each layer, the output layer last. */
  readonly layers: ReadonlyMap<number, string>;
  readonly buffers: readonly LoggedBuffer[];
}

/**
 * Turns the log of a load into bytes and layers per device.
 * @param totalLayers layers of the model, output included
 * @throws CodedError PLACEMENT_VIOLATED when a device that was not chosen holds a byte
 */
export function readBack(
  log: Readings,
  asked: ResolvedPlacement,
  totalLayers: number,
  devices: readonly Device[],
): ReadBack {
  const { usage, warnings } = tally(log, asked, devices);
  const held = [...usage.values()];
  for (const { device, totalBytes } of held)
    if (device !== 'cpu' && totalBytes > 0 && !asked.devices.includes(device))
      throw new CodedError(
        'PLACEMENT_VIOLATED',
        `${totalBytes} bytes of the model ended on ${device}, which its placement does not name`,
        { metadata: { device, bytes: String(totalBytes) } },
      );
  if (asked.gpuLayers > totalLayers)
    warnings.push({
      code: 'LAYERS_CLAMPED',
      message: `${asked.gpuLayers} layers were asked for; the model has ${totalLayers}, output included`,
      field: 'placement.gpu_layers.count',
    });
  return {
    warnings,
    placement: {
      devices: [...asked.devices],
      gpuLayers: [...log.layers.values()].filter(name => canonicalDevice(name) !== 'cpu').length,
      totalLayers,
      splitMode: asked.splitMode === SplitMode.UNSPECIFIED ? SplitMode.LAYER : asked.splitMode,
      mainDevice: asked.mainDevice,
      tensorSplit: shares(asked, held),
      usage: held.sort((a, b) => order(a.device, asked) - order(b.device, asked)),
      measured: true,
    },
  };
}

interface Tally {
  readonly usage: ReadonlyMap<string, DeviceUsage>;
  readonly warnings: Warning[];
}

/** Adds layers and buffers up by device. What is shared by TENSOR counts for each of its devices. */
function tally(log: Readings, asked: ResolvedPlacement, devices: readonly Device[]): Tally {
  const usage = new Map<string, DeviceUsage>();
  const of = (device: string): DeviceUsage => {
    const known = usage.get(device) ?? emptyUsage(device);
    usage.set(device, known);
    return known;
  };
  for (const name of log.layers.values())
    for (const device of isShared(name) ? asked.devices : [canonicalDevice(name)])
      of(device).layers++;
  const warnings: Warning[] = [];
  for (const buffer of log.buffers.filter(({ bytes }) => bytes > 0)) {
    const device = deviceOf(buffer.type, devices);
    const holders = isShared(buffer.type) ? asked.devices : device === undefined ? [] : [device];
    for (const holder of holders) addBuffer(of(holder), buffer);
    if (holders.length === 0)
      warnings.push({
        code: 'DEVICE_MEMORY_UNKNOWN',
        message: `${buffer.bytes} bytes lie in buffers of type ${buffer.type}, which belongs to no device`,
        field: '',
      });
  }
  if (log.buffers.some(({ type }) => isShared(type)))
    warnings.push({
      code: 'DEVICE_MEMORY_UNKNOWN',
      message:
        'llama.cpp tells the largest share of what it splits by TENSOR only; each device is shown with that',
      field: 'placement.split_mode',
    });
  return { usage, warnings };
}

function addBuffer(held: DeviceUsage, { holds, bytes }: LoggedBuffer): void {
  if (holds === 'weights') held.weightsBytes += bytes;
  else if (holds === 'kv') held.kvCacheBytes += bytes;
  else held.computeBytes += bytes;
  held.totalBytes += bytes;
}

function emptyUsage(device: string): DeviceUsage {
  return { device, layers: 0, weightsBytes: 0, kvCacheBytes: 0, computeBytes: 0, totalBytes: 0 };
}

/** A device's name in the contract: the CPU's is `cpu`. */
export function canonicalDevice(backendName: string): string {
  return backendName === 'CPU' ? 'cpu' : backendName;
}

/** Device whose memory a buffer type is in; pinned host buffers (`CUDA_Host`) and every kind of CPU buffer are the host's. */
function deviceOf(type: string, devices: readonly Device[]): string | undefined {
  const base = type.replace(/_(Mapped|Private)$/, '');
  const exact = devices.find(device => device.bufferTypes.includes(base));
  if (exact !== undefined) return exact.info.name;
  return /^CPU(_|$)|_Host$/.test(type) ? 'cpu' : undefined;
}

function shares(asked: ResolvedPlacement, held: readonly DeviceUsage[]): number[] {
  const given = asked.devices.map(
    (name, index) =>
      asked.tensorSplit[index] ?? held.find(entry => entry.device === name)?.layers ?? 0,
  );
  const sum = given.reduce((total, share) => total + share, 0);
  return sum === 0 ? given : given.map(share => share / sum);
}

function order(device: string, asked: ResolvedPlacement): number {
  const index = asked.devices.indexOf(device);
  return index === -1 ? asked.devices.length : index;
}
