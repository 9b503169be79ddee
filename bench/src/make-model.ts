import { parseArgs } from 'node:util';
import { EXPANSION_95M, expandModel, type Expansion } from './expand.js';
import { TENSOR_TYPES, type TensorType } from './gguf/format.js';
import { EMBEDDED } from './places.js';

/** Text for `--help`. */
export const MAKE_MODEL_USAGE = `make-model --out FILE [--source FILE] [--width 640] [--layers 19] [--feed-forward 1728]
           [--type f32|f16|bf16|q8_0] [--noise 0] [--seed 1]
    a larger model that computes what the source computes; noise makes it a worse one of the same size`;

/**
 * Writes an expanded model to a file of the caller's.
 * @throws TypeError naming an option that does not exist or a value that is not one
 */
export function makeModel(line: readonly string[]): void {
  const { values } = parseArgs({
    args: [...line],
    options: {
      out: { type: 'string' },
      source: { type: 'string', default: EMBEDDED.target },
      width: { type: 'string', default: `${EXPANSION_95M.width}` },
      layers: { type: 'string', default: `${EXPANSION_95M.layers}` },
      'feed-forward': { type: 'string', default: `${EXPANSION_95M.feedForward}` },
      type: { type: 'string', default: 'f32' },
      noise: { type: 'string', default: '0' },
      seed: { type: 'string', default: '1' },
    },
  });
  if (values.out === undefined) throw new TypeError('--out FILE is missing');
  const expansion: Expansion = {
    width: numberFrom('--width', values.width),
    layers: numberFrom('--layers', values.layers),
    feedForward: numberFrom('--feed-forward', values['feed-forward']),
    type: typeFrom(values.type),
    noise: numberFrom('--noise', values.noise),
    seed: numberFrom('--seed', values.seed),
  };
  const shape = expandModel(values.source, values.out, expansion);
  console.log(`${values.out}: ${JSON.stringify(shape)}`);
}

function numberFrom(name: string, text: string): number {
  const value = Number(text);
  if (text.trim() === '' || !Number.isFinite(value) || value < 0) {
    throw new TypeError(`${name} must be a number of at least 0, not "${text}"`);
  }
  return value;
}

function typeFrom(text: string): TensorType {
  const types: readonly string[] = Object.keys(TENSOR_TYPES);
  if (!types.includes(text)) {
    throw new TypeError(`--type must be one of ${types.join(', ')}, not "${text}"`);
  }
  // Just compared with every key.
  return text as TensorType;
}
