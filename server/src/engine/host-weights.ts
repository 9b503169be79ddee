import { canonicalDevice } from './effective-placement.js';
import { type LlamaFunctions } from './llama/functions.js';
import { type LoggedBuffer } from './llama/log.js';
import { type ModelTensor } from './model-file.js';
import { plannedWeights } from './planned-weights.js';
import { type TensorPin } from './tensor-pins.js';

/** Whether weights were copied into the layout of an extra CPU buffer (`CPU_REPACK`, `CPU_AMX`). */
export function hasRepacked(buffers: readonly LoggedBuffer[]): boolean {
  return buffers.some(({ type }) => extra.test(type));
}

/** Bytes of a tensor in the file. */
export function tensorBytes(llama: LlamaFunctions, { type, dimensions }: ModelTensor): number {
  const [row = 0, ...others] = dimensions;
  return others.reduce((product, size) => product * size, Number(llama.ggml_row_size(type, row)));
}

/**
 * Buffers of a load with repacked weights counted once: the mapped file has them as well, where they are not used again.
 * @param log layers and buffers as llama.cpp tells them
 */
export function countRepackedOnce(
  llama: LlamaFunctions,
  log: {
    readonly layers: ReadonlyMap<number, string>;
    readonly buffers: readonly LoggedBuffer[];
  },
  tensors: readonly ModelTensor[],
  pins: readonly TensorPin[],
): readonly LoggedBuffer[] {
  const { layers, buffers } = log;
  if (!hasRepacked(buffers)) return buffers;
  const weights = plannedWeights(tensors, {
    layers: new Map([...layers].map(([layer, name]) => [layer, canonicalDevice(name)])),
    pins,
    bytesOf: tensor => tensorBytes(llama, tensor),
    mapping: new Set(),
  });
  const repacked = buffers.filter(({ type, holds }) => holds === 'weights' && extra.test(type));
  const copies = repacked.reduce((sum, { bytes }) => sum + bytes, 0);
  const rest = Math.max(0, (weights.get('cpu') ?? 0) - copies);
  return buffers.map(buffer =>
    buffer.type === 'CPU_Mapped' ? { ...buffer, bytes: Math.min(buffer.bytes, rest) } : buffer,
  );
}

const extra = /^CPU_(?!Mapped)/;
