import { expandedMetadata, readShape, type ModelShape } from './expanded-metadata.js';
import { readGguf } from './gguf/read.js';
import { type TensorType } from './gguf/format.js';
import { writeGguf } from './gguf/write.js';
import { expandedTensors } from './expanded-tensors.js';

/** What an expanded model looks like. */
export interface Expansion {
  /** Width of the residual stream; a multiple of the source's head size times its query heads per key head. */
  readonly width: number;
  /** Blocks; those beyond the source's change nothing, fewer cut its last ones off. */
  readonly layers: number;
  /** Width of the feed-forward layers, at least the source's. */
  readonly feedForward: number;
  /** Element type of the matrices; vectors stay f32. @default 'f32' */
  readonly type?: TensorType;
  /** Noise added to the source's matrices, as a share of the root mean square of each. @default 0 */
  readonly noise?: number;
  /** Seed of the weights that do not matter and of the noise. @default 1 */
  readonly seed?: number;
}

/** 95 million parameters from the embedded target: its width times four, so that the norms scale exactly. */
export const EXPANSION_95M: Expansion = { width: 640, layers: 19, feedForward: 1728 };

/**
 * Writes a larger model that computes the same function as `source`, a llama-architecture GGUF file:
 * what is added reads anything and writes only zeros. Equal up to float rounding while `noise` is 0,
 * `type` holds the source's values and no layer is cut. Replaces `target`, which appears only when whole.
 * @returns the shape of the new model
 * @throws Error when the source has another architecture or the expansion does not fit it
 */
export function expandModel(source: string, target: string, expansion: Expansion): ModelShape {
  const file = readGguf(source);
  const from = readShape(file);
  const to = expandedShape(from, expansion);
  const metadata = expandedMetadata(file.metadata, from, to, expansion.type ?? 'f32');
  writeGguf(target, metadata, expandedTensors(file, from, to, expansion));
  return to;
}

function expandedShape(from: ModelShape, { width, layers, feedForward }: Expansion): ModelShape {
  const queriesPerKey = from.heads / from.keyHeads;
  if (width < from.width || width % (from.headSize * queriesPerKey) !== 0) {
    throw new Error(
      `width ${width} must be a multiple of ${from.headSize * queriesPerKey} and at least ${from.width}`,
    );
  }
  if (feedForward < from.feedForward) {
    throw new Error(`feedForward ${feedForward} must be at least ${from.feedForward}`);
  }
  if (!Number.isInteger(layers) || layers < 1) throw new Error('layers must be at least 1');
  const heads = width / from.headSize;
  // Both the sum of squares and the epsilon are divided by the width, so the epsilon shrinks with it.
  const normEpsilon = (from.normEpsilon * from.width) / width;
  return {
    ...from,
    width,
    layers,
    feedForward,
    heads,
    keyHeads: heads / queriesPerKey,
    normEpsilon,
  };
}
