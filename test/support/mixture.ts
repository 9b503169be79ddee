import { type MetadataValue } from '../../bench/src/gguf/format.js';
import { type GgufFile, readGguf, readTensor } from '../../bench/src/gguf/read.js';
import { type TensorSource, writeGguf } from '../../bench/src/gguf/write.js';

const EXPERTS = 4;
const USED = 2;

/**
 * Writes a mixture of experts that computes what a dense llama does: every expert is the dense feed-forward network, and
 * the weights of those that the router takes sum up to one. So its text is known.
 * @param dense f32, and its vocabulary is kept
 */
export function writeMixture(dense: string, file: string): void {
  const from = readGguf(dense);
  const uint32 = (value: number): MetadataValue => ({ type: 'uint32', value });
  const metadata = new Map([
    ...from.metadata,
    ['llama.expert_count', uint32(EXPERTS)] as const,
    ['llama.expert_used_count', uint32(USED)] as const,
  ]);
  writeGguf(file, metadata, [...from.tensors.keys()].flatMap(expertsOf(from)));
}

/** A tensor as it is, or as many experts; with each block's first one comes its router. */
function expertsOf(from: GgufFile): (name: string) => TensorSource[] {
  return name => {
    const tensor = from.tensors.get(name);
    const [, block, part] = /^(blk\.\d+)\.ffn_(gate|up|down)\.weight$/.exec(name) ?? [];
    if (tensor === undefined) throw new Error(`${from.path} has no tensor ${name}`);
    const { dimensions, type } = tensor;
    const values = (): Float32Array => readTensor(from, name);
    if (block === undefined || part === undefined) return [{ name, dimensions, type, values }];
    const experts: TensorSource = {
      name: `${block}.ffn_${part}_exps.weight`,
      dimensions: [...dimensions, EXPERTS],
      type,
      values: () => repeated(values()),
    };
    return part === 'gate' ? [router(block, dimensions[0] ?? 0), experts] : [experts];
  };
}

/** Prefers other experts for other inputs. */
function router(block: string, width: number): TensorSource {
  return {
    name: `${block}.ffn_gate_inp.weight`,
    dimensions: [width, EXPERTS],
    type: 'f32',
    values: () => Float32Array.from({ length: width * EXPERTS }, (_, i) => Math.sin(i)),
  };
}

function repeated(values: Float32Array): Float32Array {
  const all = new Float32Array(values.length * EXPERTS);
  for (let expert = 0; expert < EXPERTS; expert += 1) all.set(values, expert * values.length);
  return all;
}
