import { TENSOR_TYPES, type TensorType } from './format.js';

/** Tensor bytes as 32-bit floats. */
export function decodeElements(type: TensorType, bytes: Uint8Array): Float32Array {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  switch (type) {
    case 'f32':
      return decodeF32(bytes, view);
    case 'f16':
      return Float32Array.from({ length: bytes.length / 2 }, (_, i) =>
        halfToFloat(view.getUint16(2 * i, true)),
      );
    case 'bf16':
      return Float32Array.from({ length: bytes.length / 2 }, (_, i) =>
        bitsToFloat(view.getUint16(2 * i, true) << 16),
      );
    case 'q8_0':
      return decodeQ8(view);
  }
}

/** 32-bit floats as tensor bytes, each rounded to the nearest value that the type has. */
export function encodeElements(type: TensorType, values: Float32Array): Uint8Array {
  switch (type) {
    case 'f32':
      return encodeF32(values);
    case 'f16':
      return encodeWords(values, floatToHalf);
    case 'bf16':
      return encodeWords(values, floatToBfloat);
    case 'q8_0':
      return encodeQ8(values);
  }
}

/** A 16-bit IEEE 754 pattern as a number. */
export function halfToFloat(bits: number): number {
  const sign = bits & 0x8000 ? -1 : 1;
  const exponent = (bits >> 10) & 0x1f;
  const fraction = bits & 0x3ff;
  if (exponent === 0x1f) return fraction === 0 ? sign * Infinity : NaN;
  if (exponent === 0) return sign * fraction * 2 ** -24;
  return sign * (1024 + fraction) * 2 ** (exponent - 25);
}

/** The nearest 16-bit IEEE 754 pattern, ties to even. */
export function floatToHalf(value: number): number {
  const sign = value < 0 || Object.is(value, -0) ? 0x8000 : 0;
  if (Number.isNaN(value)) return 0x7e00;
  const magnitude = Math.abs(value);
  if (magnitude >= 65520) return sign | 0x7c00;
  if (magnitude < 2 ** -14) return sign | roundToEven(magnitude * 2 ** 24);
  const exponent = Math.floor(Math.log2(magnitude));
  // The sum carries into the exponent when the fraction rounds up to a whole.
  return sign | (((exponent + 15) << 10) + roundToEven((magnitude / 2 ** exponent - 1) * 1024));
}

const scratch = new DataView(new ArrayBuffer(4));

function bitsToFloat(bits: number): number {
  scratch.setInt32(0, bits);
  return scratch.getFloat32(0);
}

function floatToBfloat(value: number): number {
  if (Number.isNaN(value)) return 0x7fc0;
  scratch.setFloat32(0, value);
  const bits = scratch.getUint32(0);
  return ((bits + 0x7fff + ((bits >>> 16) & 1)) >>> 16) & 0xffff;
}

function roundToEven(value: number): number {
  const floor = Math.floor(value);
  const rest = value - floor;
  if (rest !== 0.5) return rest < 0.5 ? floor : floor + 1;
  return floor % 2 === 0 ? floor : floor + 1;
}

const littleEndian = new Uint8Array(Uint16Array.of(1).buffer)[0] === 1;

function decodeF32(bytes: Uint8Array, view: DataView): Float32Array {
  if (littleEndian) return new Float32Array(bytes.slice().buffer);
  return Float32Array.from({ length: bytes.length / 4 }, (_, i) => view.getFloat32(4 * i, true));
}

function encodeF32(values: Float32Array): Uint8Array {
  if (littleEndian) return new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
  const bytes = new Uint8Array(values.byteLength);
  const view = new DataView(bytes.buffer);
  values.forEach((value, i) => {
    view.setFloat32(4 * i, value, true);
  });
  return bytes;
}

function encodeWords(values: Float32Array, encode: (value: number) => number): Uint8Array {
  const bytes = new Uint8Array(2 * values.length);
  const view = new DataView(bytes.buffer);
  values.forEach((value, i) => {
    view.setUint16(2 * i, encode(value), true);
  });
  return bytes;
}

const Q8 = TENSOR_TYPES.q8_0;

function decodeQ8(view: DataView): Float32Array {
  const blocks = view.byteLength / Q8.blockBytes;
  const values = new Float32Array(blocks * Q8.blockElements);
  for (let block = 0; block < blocks; block += 1) {
    const start = block * Q8.blockBytes;
    const scale = halfToFloat(view.getUint16(start, true));
    for (let i = 0; i < Q8.blockElements; i += 1) {
      values[block * Q8.blockElements + i] = scale * view.getInt8(start + 2 + i);
    }
  }
  return values;
}

function encodeQ8(values: Float32Array): Uint8Array {
  const blocks = values.length / Q8.blockElements;
  const bytes = new Uint8Array(blocks * Q8.blockBytes);
  const view = new DataView(bytes.buffer);
  for (let block = 0; block < blocks; block += 1) {
    const start = block * Q8.blockBytes;
    const from = block * Q8.blockElements;
    const source = values.subarray(from, from + Q8.blockElements);
    const largest = source.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
    // In 32 bits and with ties away from zero, so that the bytes are those of ggml's quantize_row_q8_0_ref.
    const scale = Math.fround(largest / 127);
    const inverse = scale === 0 ? 0 : Math.fround(1 / scale);
    view.setUint16(start, floatToHalf(scale), true);
    source.forEach((value, i) => {
      const quotient = Math.fround(value * inverse);
      view.setInt8(start + 2 + i, Math.sign(quotient) * Math.round(Math.abs(quotient)));
    });
  }
  return bytes;
}
