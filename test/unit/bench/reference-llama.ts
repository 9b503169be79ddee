import { type GgufFile, readTensor } from '../../../bench/src/gguf/read.js';

/** Logits after the last token, computed in 64-bit floats by the textbook: slow, small, and independent of llama.cpp. */
export function referenceLogits(file: GgufFile, tokens: readonly number[]): number[] {
  const number = (key: string): number => Number(metadataNumber(file, `llama.${key}`));
  const width = number('embedding_length');
  const heads = number('attention.head_count');
  const queriesPerKey = heads / number('attention.head_count_kv');
  const headSize = width / heads;
  const epsilon = number('attention.layer_norm_rms_epsilon');
  const base = number('rope.freq_base');
  const weights = (name: string): Float32Array => readTensor(file, `${name}.weight`);

  const embeddings = weights('token_embd');
  const states = tokens.map(token =>
    Array.from(embeddings.subarray(token * width, (token + 1) * width)),
  );
  for (let layer = 0; layer < number('block_count'); layer += 1) {
    const block = (name: string): Float32Array => weights(`blk.${layer}.${name}`);
    const inputs = states.map(state => normalise(state, block('attn_norm'), epsilon));
    const rotated = (name: string): number[][] =>
      inputs.map((input, at) => rotate(multiply(block(name), input), at, headSize, base));
    const queries = rotated('attn_q');
    const keys = rotated('attn_k');
    const values = inputs.map(input => multiply(block('attn_v'), input));
    states.forEach((state, at) => {
      const mixed = Array.from({ length: heads }, (_, head) =>
        attend(queries, keys, values, at, head * headSize, {
          keyStart: Math.floor(head / queriesPerKey) * headSize,
          headSize,
        }),
      ).flat();
      add(state, multiply(block('attn_output'), mixed));
      const input = normalise(state, block('ffn_norm'), epsilon);
      const up = multiply(block('ffn_up'), input);
      const gated = multiply(block('ffn_gate'), input).map(
        (gate, i) => (gate / (1 + Math.exp(-gate))) * (up[i] ?? NaN),
      );
      add(state, multiply(block('ffn_down'), gated));
    });
  }
  const last = normalise(states.at(-1) ?? [], weights('output_norm'), epsilon);
  return multiply(file.tensors.has('output.weight') ? weights('output') : embeddings, last);
}

function metadataNumber(file: GgufFile, key: string): unknown {
  const found = file.metadata.get(key);
  return found?.type === 'array' ? NaN : found?.value;
}

function multiply(matrix: Float32Array, vector: readonly number[]): number[] {
  return Array.from({ length: matrix.length / vector.length }, (_, row) =>
    vector.reduce((sum, value, i) => sum + value * (matrix[row * vector.length + i] ?? NaN), 0),
  );
}

function normalise(vector: readonly number[], scale: Float32Array, epsilon: number): number[] {
  const meanSquare = vector.reduce((sum, value) => sum + value * value, 0) / vector.length;
  return vector.map((value, i) => (value / Math.sqrt(meanSquare + epsilon)) * (scale[i] ?? NaN));
}

function rotate(vector: readonly number[], at: number, headSize: number, base: number): number[] {
  return vector.map((value, i) => {
    const pair = Math.floor((i % headSize) / 2);
    const angle = at * base ** ((-2 * pair) / headSize);
    const other = vector[i % 2 === 0 ? i + 1 : i - 1] ?? NaN;
    return value * Math.cos(angle) + (i % 2 === 0 ? -other : other) * Math.sin(angle);
  });
}

function attend(
  queries: readonly number[][],
  keys: readonly number[][],
  values: readonly number[][],
  at: number,
  queryStart: number,
  { keyStart, headSize }: { keyStart: number; headSize: number },
): number[] {
  const part = (vector: readonly number[] | undefined, start: number): number[] =>
    (vector ?? []).slice(start, start + headSize);
  const query = part(queries[at], queryStart);
  const scores = keys.slice(0, at + 1).map(key => {
    const products = part(key, keyStart).map((value, i) => value * (query[i] ?? NaN));
    return Math.exp(products.reduce((sum, value) => sum + value, 0) / Math.sqrt(headSize));
  });
  const total = scores.reduce((sum, score) => sum + score, 0);
  return Array.from({ length: headSize }, (_, i) =>
    scores.reduce(
      (sum, score, from) => sum + (score / total) * (values[from]?.[keyStart + i] ?? NaN),
      0,
    ),
  );
}

function add(to: number[], from: readonly number[]): void {
  from.forEach((value, i) => {
    to[i] = (to[i] ?? NaN) + value;
  });
}
