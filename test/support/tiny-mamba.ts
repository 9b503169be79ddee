import { type MetadataValue } from '../../bench/src/gguf/format.js';
import { readGguf } from '../../bench/src/gguf/read.js';
import { type TensorSource, writeGguf } from '../../bench/src/gguf/write.js';
import { seededRandom } from '../../bench/src/random.js';

const width = 32;
const inner = 2 * width;
const states = 8;
const rank = 2;
const kernel = 4;
const layers = 2;

/**
 * Writes a random Mamba of width 32 with 2 layers. Its memory is a state that every token overwrites, so nothing that it
 * has read can be taken back.
 * @param vocabulary a model whose vocabulary it takes over, so that the two could pair
 */
export function writeTinyMamba(vocabulary: string, file: string): void {
  const from = readGguf(vocabulary);
  const tokens = from.metadata.get('tokenizer.ggml.tokens');
  if (tokens?.type !== 'array') throw new Error(`${vocabulary} has no vocabulary`);
  const uint32 = (value: number): MetadataValue => ({ type: 'uint32', value });
  const metadata = new Map<string, MetadataValue>([
    ['general.architecture', { type: 'string', value: 'mamba' }],
    ['mamba.context_length', uint32(256)],
    ['mamba.embedding_length', uint32(width)],
    ['mamba.feed_forward_length', uint32(0)],
    ['mamba.attention.head_count', uint32(0)],
    ['mamba.block_count', uint32(layers)],
    ['mamba.ssm.conv_kernel', uint32(kernel)],
    ['mamba.ssm.inner_size', uint32(inner)],
    ['mamba.ssm.state_size', uint32(states)],
    ['mamba.ssm.time_step_rank', uint32(rank)],
    ['mamba.attention.layer_norm_rms_epsilon', { type: 'float32', value: 1e-5 }],
    ...[...from.metadata].filter(([key]) => key.startsWith('tokenizer.ggml.')),
  ]);
  writeGguf(file, metadata, tensors(tokens.items.length));
}

function tensors(vocabularySize: number): TensorSource[] {
  const random = seededRandom(11);
  const tensor = (
    name: string,
    dimensions: readonly number[],
    value: () => number = random,
  ): TensorSource => ({
    name,
    dimensions,
    type: 'f32',
    values: () =>
      Float32Array.from({ length: dimensions.reduce((all, one) => all * one, 1) }, () => value()),
  });
  const blocks = Array.from({ length: layers }, (_, layer) => [
    tensor(`blk.${layer}.attn_norm.weight`, [width], () => 1),
    tensor(`blk.${layer}.ssm_in.weight`, [width, 2 * inner]),
    tensor(`blk.${layer}.ssm_conv1d.weight`, [kernel, inner]),
    tensor(`blk.${layer}.ssm_conv1d.bias`, [inner]),
    tensor(`blk.${layer}.ssm_x.weight`, [inner, rank + 2 * states]),
    tensor(`blk.${layer}.ssm_dt.weight`, [rank, inner]),
    tensor(`blk.${layer}.ssm_dt.bias`, [inner]),
    // A state decays: its rates are negative.
    tensor(`blk.${layer}.ssm_a`, [states, inner], () => -1 - random() / 2),
    tensor(`blk.${layer}.ssm_d`, [inner]),
    tensor(`blk.${layer}.ssm_out.weight`, [inner, width]),
  ]);
  return [
    tensor('token_embd.weight', [width, vocabularySize]),
    tensor('output_norm.weight', [width], () => 1),
    ...blocks.flat(),
  ];
}
