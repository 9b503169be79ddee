import { type Expansion } from './expand.js';
import { type ModelShape } from './expanded-metadata.js';
import { elementCount } from './gguf/format.js';
import { type GgufFile, readTensor } from './gguf/read.js';
import { type TensorSource } from './gguf/write.js';
import { type Random, seededRandom } from './random.js';

/** Size of the weights that do not matter: that of trained ones, so that no kernel meets denormals. */
const FILLER = 0.02;

/** Tensors of a block, in the order in which they are written. */
const BLOCK = [
  'attn_norm',
  'ffn_norm',
  'attn_q',
  'attn_k',
  'attn_v',
  'attn_output',
  'ffn_gate',
  'ffn_up',
  'ffn_down',
] as const;

type BlockTensor = (typeof BLOCK)[number];

/**
 * The tensors of the expanded model, each made from the source's when it is written.
 * @throws Error when the source has a tensor that no rule covers
 */
export function expandedTensors(
  file: GgufFile,
  from: ModelShape,
  to: ModelShape,
  { type = 'f32', noise = 0, seed = 1 }: Expansion,
): TensorSource[] {
  const random = seededRandom(seed);
  const build = (name: string, rule: Rule): TensorSource => ({
    name: `${name}.weight`,
    dimensions: rule.dimensions,
    type: rule.dimensions.length === 1 ? 'f32' : type,
    values: () => fill(file, `${name}.weight`, rule, noise, random),
  });

  const head = file.tensors.has('output.weight') ? ['token_embd', 'output'] : ['token_embd'];
  const embedding: Rule = { dimensions: [to.width, to.vocabulary], rest: 'zero', scale: 1 };
  const plan: TensorSource[] = [
    ...head.map(name => build(name, embedding)),
    build('output_norm', normRule(from, to)),
  ];
  for (let layer = 0; layer < to.layers; layer += 1) {
    for (const name of BLOCK) plan.push(build(`blk.${layer}.${name}`, blockRule(name, from, to)));
  }
  refuseOthers(file, from, plan);
  return plan;
}

/** How a tensor of the new shape is filled around the source's, which keeps its first rows and columns. */
interface Rule {
  readonly dimensions: readonly number[];
  /** What surrounds the source: zeros where something would be written, noise where zeros are read. */
  readonly rest: 'zero' | 'random' | 'one';
  /** Factor on the source's values, and on ones. */
  readonly scale: number;
}

function blockRule(name: BlockTensor, from: ModelShape, to: ModelShape): Rule {
  const keyWidth = to.keyHeads * to.headSize;
  const matrix = (inputs: number, outputs: number, rest: 'zero' | 'random'): Rule => ({
    dimensions: [inputs, outputs],
    rest,
    scale: 1,
  });
  switch (name) {
    case 'attn_norm':
    case 'ffn_norm':
      return normRule(from, to);
    case 'attn_q':
      return matrix(to.width, to.width, 'random');
    case 'attn_k':
    case 'attn_v':
      return matrix(to.width, keyWidth, 'random');
    case 'attn_output':
      return matrix(to.width, to.width, 'zero');
    case 'ffn_gate':
    case 'ffn_up':
      return matrix(to.width, to.feedForward, 'random');
    case 'ffn_down':
      return matrix(to.feedForward, to.width, 'zero');
  }
}

/**
 * The mean square over a padded residual is smaller by from.width / to.width, so a norm divides by too little;
 * its weights take that back. The epsilon is scaled with the mean square, see `expandModel`.
 */
function normRule(from: ModelShape, to: ModelShape): Rule {
  return { dimensions: [to.width], rest: 'one', scale: Math.sqrt(from.width / to.width) };
}

function fill(
  file: GgufFile,
  name: string,
  { dimensions, rest, scale }: Rule,
  noise: number,
  random: Random,
): Float32Array {
  const values = new Float32Array(elementCount(dimensions));
  if (rest === 'one') values.fill(scale);
  if (rest === 'random') for (let i = 0; i < values.length; i += 1) values[i] = FILLER * random();

  const info = file.tensors.get(name);
  if (info === undefined) return values;
  const source = readTensor(file, name);
  if (noise > 0 && dimensions.length > 1) disturb(source, noise, random);
  const [sourceColumns = 1] = info.dimensions;
  const [columns = 1] = dimensions;
  for (let row = 0; row * sourceColumns < source.length; row += 1) {
    const start = row * sourceColumns;
    for (let column = 0; column < sourceColumns; column += 1) {
      values[row * columns + column] = scale * (source[start + column] ?? 0);
    }
  }
  return values;
}

function disturb(values: Float32Array, noise: number, random: Random): void {
  const meanSquare = values.reduce((sum, value) => sum + value * value, 0) / values.length;
  // A uniform number from -1 to 1 has the variance 1/3.
  const size = noise * Math.sqrt(3 * meanSquare);
  values.forEach((value, i) => {
    values[i] = value + size * random();
  });
}

function refuseOthers(file: GgufFile, from: ModelShape, plan: readonly TensorSource[]): void {
  const known = new Set(plan.map(({ name }) => name));
  for (let layer = 0; layer < from.layers; layer += 1) {
    for (const name of BLOCK) known.add(`blk.${layer}.${name}.weight`);
  }
  const unknown = [...file.tensors.keys()].filter(name => !known.has(name));
  if (unknown.length > 0) {
    throw new Error(`${file.path} has tensors that cannot be expanded: ${unknown.join(', ')}`);
  }
  const missing = [...known].filter(name => isOf(name, from.layers) && !file.tensors.has(name));
  if (missing.length > 0) throw new Error(`${file.path} lacks ${missing.join(', ')}`);
}

function isOf(name: string, layers: number): boolean {
  const [, layer] = /^blk\.(\d+)\./.exec(name) ?? [];
  return layer === undefined || Number(layer) < layers;
}
