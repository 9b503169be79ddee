import {
  type Metadata,
  type MetadataScalar,
  type MetadataValue,
  type TensorType,
} from './gguf/format.js';
import { type GgufFile } from './gguf/read.js';

/** The numbers of a llama-architecture model that an expansion touches. */
export interface ModelShape {
  readonly width: number;
  readonly layers: number;
  readonly feedForward: number;
  readonly heads: number;
  /** Key and value heads; fewer than `heads` under grouped-query attention. */
  readonly keyHeads: number;
  /** Width of a head. */
  readonly headSize: number;
  readonly vocabulary: number;
  readonly normEpsilon: number;
}

const KEYS = {
  width: 'llama.embedding_length',
  layers: 'llama.block_count',
  feedForward: 'llama.feed_forward_length',
  heads: 'llama.attention.head_count',
  keyHeads: 'llama.attention.head_count_kv',
  normEpsilon: 'llama.attention.layer_norm_rms_epsilon',
} as const;

/** Keys beside those above that an expansion carries over or recomputes; another one may mean a function that it would change. */
const KNOWN = new Set<string>([
  ...Object.values(KEYS),
  'llama.context_length',
  'llama.vocab_size',
  'llama.rope.dimension_count',
  'llama.rope.freq_base',
]);

/** `general.file_type` of a file whose matrices have this element type. */
const FILE_TYPES = { f32: 0, f16: 1, q8_0: 7, bf16: 32 } as const satisfies Record<
  TensorType,
  number
>;

/**
 * Reads the shape of a model.
 * @throws Error when it is not of the llama architecture or has settings that an expansion might break
 */
export function readShape(file: GgufFile): ModelShape {
  const { metadata, path } = file;
  if (scalarOf(metadata, 'general.architecture') !== 'llama') {
    throw new Error(`${path} is not of the llama architecture`);
  }
  const unknown = [...metadata.keys()].filter(key => key.startsWith('llama.') && !KNOWN.has(key));
  if (unknown.length > 0) throw new Error(`${path} has unknown settings: ${unknown.join(', ')}`);

  const width = numberOf(file, KEYS.width);
  const heads = numberOf(file, KEYS.heads);
  const headSize = width / heads;
  if (numberOf(file, 'llama.rope.dimension_count') !== headSize) {
    throw new Error(`${path} does not rotate whole heads`);
  }
  return {
    width,
    heads,
    headSize,
    layers: numberOf(file, KEYS.layers),
    feedForward: numberOf(file, KEYS.feedForward),
    keyHeads: metadata.has(KEYS.keyHeads) ? numberOf(file, KEYS.keyHeads) : heads,
    vocabulary: file.tensors.get('token_embd.weight')?.dimensions[1] ?? 0,
    normEpsilon: numberOf(file, KEYS.normEpsilon),
  };
}

/** The source's metadata with the new shape, tokenizer and all. */
export function expandedMetadata(
  metadata: Metadata,
  from: ModelShape,
  to: ModelShape,
  type: TensorType,
): Metadata {
  const expanded = new Map<string, MetadataValue>(metadata);
  for (const name of ['width', 'layers', 'feedForward', 'heads', 'keyHeads'] as const) {
    expanded.set(KEYS[name], { type: 'uint32', value: to[name] });
  }
  expanded.set(KEYS.normEpsilon, { type: 'float32', value: to.normEpsilon });
  expanded.set('general.file_type', { type: 'uint32', value: FILE_TYPES[type] });
  const name = scalarOf(metadata, 'general.name');
  if (name !== undefined) {
    const value = `${name}, width ${from.width} to ${to.width}, layers ${from.layers} to ${to.layers}`;
    expanded.set('general.name', { type: 'string', value });
  }
  return expanded;
}

function numberOf({ metadata, path }: GgufFile, key: string): number {
  const value = scalarOf(metadata, key);
  if (typeof value !== 'number') throw new Error(`${path} has no number ${key}`);
  return value;
}

function scalarOf(metadata: Metadata, key: string): MetadataScalar['value'] | undefined {
  const found = metadata.get(key);
  return found === undefined || found.type === 'array' ? undefined : found.value;
}
