import { expect } from '@jest/globals';
import { type DeviceUsage, type Model, type Outrider } from '@outrider/sdk';
import { readGguf, type TensorInfo } from '../../bench/src/gguf/read.js';
import { tensorBytes } from '../../bench/src/gguf/format.js';

/** Options of a model on a software GPU: few rows, because each shape of a pass is compiled once. */
export const small = {
  threads: 1,
  calibrate: false,
  contextLength: 128,
  parallelSequences: 2,
  batchSize: 16,
  microBatchSize: 16,
} as const;

/** llama.cpp logs to two decimals of a MiB. */
const LOG_STEP = 5_300;

/** Layers by device, the output layer as the last number; what is not named is on the CPU. */
export type LayerMap = Readonly<Record<string, readonly number[]>>;

/** Bytes that some layers take, by the file's own header. */
interface LayerBytes {
  readonly weightsBytes: number;
  readonly kvCacheBytes: number;
}

/**
 * Checks that a model is where it should be: its layers by device, its bytes by the file's header, nothing anywhere else, and
 * the same in the inventory.
 * @param file what was loaded, with a cache of 16-bit floats
 */
export async function expectPlaced(
  client: Outrider,
  model: Model,
  { file, layers }: { readonly file: string; readonly layers: LayerMap },
): Promise<void> {
  const { placement } = model;
  if (placement === undefined) throw new Error(`${model.name} has no placement`);
  expect(placement.measured).toBe(true);
  const devices = Object.keys(layers);
  const usage = placement.usage.filter(({ device }) => device !== 'cpu');
  expect(usage.map(({ device }) => device).sort()).toEqual([...devices].sort());
  for (const held of usage) {
    const ours = layers[held.device] ?? [];
    const bytes = bytesOf(file, ours, model.kvTotalTokens);
    expect(held.layers).toBe(ours.length);
    expectBytes(held.weightsBytes, bytes.weightsBytes);
    expectBytes(held.kvCacheBytes, bytes.kvCacheBytes);
    expect(held.computeBytes).toBeGreaterThan(0);
    expect(held.totalBytes).toBe(held.weightsBytes + held.kvCacheBytes + held.computeBytes);
  }
  const onDevices = Object.values(layers).flat().length;
  expect(placement.gpuLayers).toBe(onDevices);
  expect(usageOn(model, 'cpu').layers).toBe(placement.totalLayers - onDevices);
  expect(await inventoryOf(client, model.name)).toEqual(byDevice(placement.usage));
}

/** What a model holds on a device; zeros when it holds nothing. */
export function usageOn({ placement }: Model, device: string): DeviceUsage {
  const none = { layers: 0, weightsBytes: 0, kvCacheBytes: 0, computeBytes: 0, totalBytes: 0 };
  return placement?.usage.find(each => each.device === device) ?? { device, ...none };
}

/** Equal, as far as the log tells in so many readings. */
export function expectBytes(held: number, expected: number, readings = 1): void {
  expect(Math.abs(held - expected)).toBeLessThanOrEqual(readings * LOG_STEP);
}

/** Bytes of the tensors whose names a pattern is found in, as the file stores them. */
export function weightsOf(file: string, pattern: RegExp): number {
  return sum([...readGguf(file).tensors.values()].filter(({ name }) => pattern.test(name)));
}

async function inventoryOf(client: Outrider, name: string): Promise<DeviceUsage[]> {
  const { devices } = await client.devices.info();
  const usages = devices.flatMap(({ models }) => models.filter(({ model }) => model === name));
  return byDevice(usages.flatMap(({ usage }) => usage ?? []));
}

function byDevice(usage: readonly DeviceUsage[]): DeviceUsage[] {
  return [...usage].sort((a, b) => a.device.localeCompare(b.device));
}

function bytesOf(file: string, layers: readonly number[], cells: number): LayerBytes {
  const { tensors, metadata } = readGguf(file);
  const count = metadata.get('llama.block_count');
  const blocks = count?.type === 'uint32' ? count.value : undefined;
  const inside = layers.filter(layer => layer !== blocks);
  const ofBlocks = inside.map(layer => weightsOf(file, new RegExp(`^blk\\.${layer}\\.`)));
  // The embedding is the output matrix too, and then lies in both places.
  const matrix = tensors.has('output.weight') ? 'output' : 'token_embd';
  const ofOutput = weightsOf(file, new RegExp(`^(output_norm|${matrix})\\.`));
  const values = inside.map(layer =>
    [`blk.${layer}.attn_k.weight`, `blk.${layer}.attn_v.weight`]
      .map(name => tensors.get(name)?.dimensions[1] ?? 0)
      .reduce((a, b) => a + b),
  );
  return {
    weightsBytes:
      ofBlocks.reduce((a, b) => a + b, 0) + (inside.length < layers.length ? ofOutput : 0),
    kvCacheBytes: values.reduce((a, b) => a + b, 0) * cells * 2,
  };
}

function sum(tensors: readonly TensorInfo[]): number {
  return tensors.reduce((total, { type, dimensions }) => total + tensorBytes(type, dimensions), 0);
}
