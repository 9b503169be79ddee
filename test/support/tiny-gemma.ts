import { type MetadataValue } from '../../bench/src/gguf/format.js';
import { readGguf } from '../../bench/src/gguf/read.js';
import { type TensorSource, writeGguf } from '../../bench/src/gguf/write.js';
import { seededRandom } from '../../bench/src/random.js';

const width = 32;
const heads = 2;
const head = 16;
const feedForward = 48;
const layers = 4;
const window = 8;

/**
 * Writes a random Gemma 2 of width 32 with 4 layers, of which every other one sees the last 8 tokens only.
 * @param vocabulary a model whose vocabulary it takes over
 * @param noise how far the last norm is from what it is at 0, which makes a draft that is mostly right
 */
export function writeTinyGemma(vocabulary: string, file: string, noise = 0): void {
  const from = readGguf(vocabulary);
  const tokens = from.metadata.get('tokenizer.ggml.tokens');
  if (tokens?.type !== 'array') throw new Error(`${vocabulary} has no vocabulary`);
  const uint32 = (value: number): MetadataValue => ({ type: 'uint32', value });
  const metadata = new Map<string, MetadataValue>([
    ['general.architecture', { type: 'string', value: 'gemma2' }],
    ['gemma2.context_length', uint32(256)],
    ['gemma2.embedding_length', uint32(width)],
    ['gemma2.feed_forward_length', uint32(feedForward)],
    ['gemma2.attention.head_count', uint32(heads)],
    ['gemma2.attention.head_count_kv', uint32(heads)],
    ['gemma2.attention.key_length', uint32(head)],
    ['gemma2.attention.value_length', uint32(head)],
    ['gemma2.attention.sliding_window', uint32(window)],
    ['gemma2.block_count', uint32(layers)],
    ['gemma2.attention.layer_norm_rms_epsilon', { type: 'float32', value: 1e-5 }],
    ...[...from.metadata].filter(([key]) => key.startsWith('tokenizer.ggml.')),
  ]);
  writeGguf(file, metadata, tensors(tokens.items.length, noise));
}

function tensors(vocabularySize: number, noise: number): TensorSource[] {
  const random = seededRandom(13);
  const disturbed = seededRandom(17);
  const one = (): number => 1;
  // Or the embedding outweighs the layers, and the model only repeats its last token.
  const loud = (): number => 6;
  const tensor = (
    name: string,
    dimensions: readonly number[],
    value: () => number = random,
  ): TensorSource => ({
    name: `${name}.weight`,
    dimensions,
    type: 'f32',
    values: () =>
      Float32Array.from({ length: dimensions.reduce((all, one) => all * one, 1) }, () => value()),
  });
  const blocks = Array.from({ length: layers }, (_, layer) => [
    tensor(`blk.${layer}.attn_norm`, [width], one),
    tensor(`blk.${layer}.attn_q`, [width, heads * head]),
    tensor(`blk.${layer}.attn_k`, [width, heads * head]),
    tensor(`blk.${layer}.attn_v`, [width, heads * head]),
    tensor(`blk.${layer}.attn_output`, [heads * head, width]),
    tensor(`blk.${layer}.post_attention_norm`, [width], loud),
    tensor(`blk.${layer}.ffn_norm`, [width], one),
    tensor(`blk.${layer}.ffn_gate`, [width, feedForward]),
    tensor(`blk.${layer}.ffn_up`, [width, feedForward]),
    tensor(`blk.${layer}.ffn_down`, [feedForward, width]),
    tensor(`blk.${layer}.post_ffw_norm`, [width], loud),
  ]);
  return [
    tensor('token_embd', [width, vocabularySize]),
    tensor('output_norm', [width], () => 1 + noise * disturbed()),
    ...blocks.flat(),
  ];
}
