import { type MetadataValue } from '../../../bench/src/gguf/format.js';
import { type TensorSource, writeGguf } from '../../../bench/src/gguf/write.js';
import { seededRandom } from '../../../bench/src/random.js';

/** What a test may change about the tiny model. */
export interface TinyLlamaOptions {
  /** Metadata beside the usual, or in its place. */
  readonly metadata?: Readonly<Record<string, MetadataValue>>;
  /** Tensors beside the usual. */
  readonly extra?: readonly TensorSource[];
}

/** Writes a random llama of width 12: 3 heads of 4, of which all share 1 key head, 2 layers, 7 tokens. */
export function writeTinyLlama(path: string, options: TinyLlamaOptions = {}): void {
  const random = seededRandom(7);
  const tensor = (name: string, ...dimensions: number[]): TensorSource => ({
    name: `${name}.weight`,
    dimensions,
    type: 'f32',
    values: () =>
      Float32Array.from({ length: dimensions.reduce((a, b) => a * b, 1) }, () => random()),
  });
  const blocks = [0, 1].flatMap(layer => [
    tensor(`blk.${layer}.attn_norm`, 12),
    tensor(`blk.${layer}.ffn_norm`, 12),
    tensor(`blk.${layer}.attn_q`, 12, 12),
    tensor(`blk.${layer}.attn_k`, 12, 4),
    tensor(`blk.${layer}.attn_v`, 12, 4),
    tensor(`blk.${layer}.attn_output`, 12, 12),
    tensor(`blk.${layer}.ffn_gate`, 12, 10),
    tensor(`blk.${layer}.ffn_up`, 12, 10),
    tensor(`blk.${layer}.ffn_down`, 10, 12),
  ]);
  const metadata = new Map<string, MetadataValue>([
    ['general.architecture', { type: 'string', value: 'llama' }],
    ['general.name', { type: 'string', value: 'tiny' }],
    ['llama.context_length', { type: 'uint32', value: 32 }],
    ['llama.embedding_length', { type: 'uint32', value: 12 }],
    ['llama.block_count', { type: 'uint32', value: 2 }],
    ['llama.feed_forward_length', { type: 'uint32', value: 10 }],
    ['llama.attention.head_count', { type: 'uint32', value: 3 }],
    ['llama.attention.head_count_kv', { type: 'uint32', value: 1 }],
    // Large enough that forgetting to scale it shows.
    ['llama.attention.layer_norm_rms_epsilon', { type: 'float32', value: 0.25 }],
    ['llama.rope.dimension_count', { type: 'uint32', value: 4 }],
    ['llama.rope.freq_base', { type: 'float32', value: 100 }],
    ['tokenizer.ggml.tokens', strings('a', 'b', 'ü', 'd', 'e', 'f', '</s>')],
    ...Object.entries(options.metadata ?? {}),
  ]);
  const tensors = [tensor('token_embd', 12, 7), tensor('output_norm', 12), ...blocks];
  writeGguf(path, metadata, [...tensors, ...(options.extra ?? [])]);
}

function strings(...values: string[]): MetadataValue {
  return { type: 'array', of: 'string', items: values.map(value => ({ type: 'string', value })) };
}
