import { type ModelTensor } from './model-file.js';
import { type TensorPin } from './tensor-pins.js';

/** What decides where weights go and how many bytes they take there. */
export interface WeightRules {
  /** Device of each layer, the output layer last. */
  readonly layers: ReadonlyMap<number, string>;
  readonly pins: readonly TensorPin[];
  /** Bytes that a tensor takes on the device that it goes to. */
  readonly bytesOf: (tensor: ModelTensor, device: string) => number;
  /** Devices that use the mapped file itself and so hold everything between their first and last tensor. */
  readonly mapping: ReadonlySet<string>;
}

/** Bytes of weights per device, before anything is read. */
export function plannedWeights(
  tensors: readonly ModelTensor[],
  rules: WeightRules,
): Map<string, number> {
  const held = new Map<string, ModelTensor[]>();
  const put = (device: string | undefined, tensor: ModelTensor): void => {
    // A layer without a device is one that llama.cpp does not load, of a prediction head for example.
    if (device === undefined) return;
    held.set(device, [...(held.get(device) ?? []), tensor]);
  };
  const pinned = new Map(rules.pins.flatMap(pin => pin.names.map(name => [name, pin.device])));
  const output = rules.layers.get(Math.max(...rules.layers.keys()));
  for (const tensor of tensors)
    put(pinned.get(tensor.name) ?? layerDevice(tensor.name, rules.layers, output), tensor);
  const embedding = tensors.find(({ name }) => name === 'token_embd.weight');
  const tied = !tensors.some(({ name }) => name === 'output.weight');
  // A tied output is the embedding once more, unless both are in one place.
  if (tied && embedding !== undefined && !pinned.has(embedding.name) && output !== 'cpu')
    put(output, embedding);
  return new Map(
    [...held].map(([device, list]) => [
      device,
      rules.mapping.has(device) ? spanned(device, list, rules) : summed(device, list, rules),
    ]),
  );
}

const inputs = /^(token_embd|token_types|position_embd|per_layer_token_embd)/;

function layerDevice(
  name: string,
  layers: ReadonlyMap<number, string>,
  output: string | undefined,
): string | undefined {
  const block = /^blk\.(\d+)\./.exec(name)?.[1];
  if (block !== undefined) return layers.get(Number(block));
  if (inputs.test(name)) return 'cpu';
  return name.startsWith('rope_') ? layers.get(0) : output;
}

function summed(device: string, tensors: readonly ModelTensor[], { bytesOf }: WeightRules): number {
  return Math.round(tensors.reduce((sum, tensor) => sum + bytesOf(tensor, device), 0));
}

function spanned(
  device: string,
  tensors: readonly ModelTensor[],
  { bytesOf }: WeightRules,
): number {
  const parts = new Map<number, { first: number; end: number }>();
  for (const tensor of tensors) {
    const { first, end } = parts.get(tensor.part) ?? { first: Infinity, end: 0 };
    parts.set(tensor.part, {
      first: Math.min(first, tensor.offset),
      end: Math.max(end, tensor.offset + bytesOf(tensor, device)),
    });
  }
  return [...parts.values()].reduce((sum, { first, end }) => sum + end - first, 0);
}
