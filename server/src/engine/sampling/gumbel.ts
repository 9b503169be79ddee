/**
 * The noise `gumbel/1`: one standard Gumbel number per (seed, position, token), the same on every device.
 * A choice is the best of logit plus noise, so two models that share the seed agree wherever their logits do.
 */

/** No noise is above this. */
export const MAX_NOISE = 36.75;

// Not looked up on the global object each time: where that is a VM context's, it costs more than the arithmetic.
const { imul, log } = Math;

const CELL_BITS = 12;
const CELL_SHIFT = 32 - CELL_BITS;
const BOUNDS = cellBounds();

/**
 * Derives the two keys of a row, once per row.
 * @param s0 the seed of the stream, 32 bits
 * @param s1 the index of parallel choices, 32 bits; 0 where there is one
 * @param pos index in the stream's token list of the token being chosen
 * @param out receives the keys as `out[0]` and `out[1]`
 */
export function noiseKeys(s0: number, s1: number, pos: number, out: Int32Array): void {
  const k0 = fmix((fmix(s0 ^ imul(pos, 0x9e3779b1)) + s1) | 0);
  out[0] = k0;
  out[1] = fmix(k0 ^ fmix((s1 + imul(pos, 0x85ebca77)) | 0));
}

/** The noise of a token id under the keys of a row: between -3.60 and 36.74. */
export function noiseAt(k0: number, k1: number, token: number): number {
  return -log(-log(uniformAt(k0, k1, token)));
}

/** What the noise of a token id is made of: uniform, above 0 and below 1. */
export function uniformAt(k0: number, k1: number, token: number): number {
  const a = upperWord(k0, k1, token);
  const b = fmix(((a + imul(token, 0xc2b2ae3d)) | 0) ^ k1);
  return ((a >>> 0) * 0x10_0000 + (b >>> 12) + 0.5) * 2 ** -52;
}

/** A number that `noiseAt` of the same arguments never exceeds, without its logarithms. */
export function noiseBound(k0: number, k1: number, token: number): number {
  return BOUNDS[upperWord(k0, k1, token) >>> CELL_SHIFT] ?? MAX_NOISE;
}

function upperWord(k0: number, k1: number, token: number): number {
  return fmix((fmix(k0 ^ imul(token, 0x9e3779b1)) + k1) | 0);
}

function fmix(word: number): number {
  let h = word;
  h = imul(h ^ (h >>> 16), 0x85ebca6b);
  h = imul(h ^ (h >>> 13), 0xc2b2ae35);
  return h ^ (h >>> 16);
}

/** Noise at the upper end of each cell of the first bits of u, a little more so that rounding cannot pass it. */
function cellBounds(): Float64Array {
  const cells = 1 << CELL_BITS;
  const bounds = new Float64Array(cells).fill(MAX_NOISE);
  for (let cell = 0; cell < cells - 1; cell++) {
    bounds[cell] = -log(-log((cell + 1) / cells)) + 1e-9;
  }
  return bounds;
}
