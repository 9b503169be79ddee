import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import {
  decodeElements,
  encodeElements,
  floatToHalf,
  halfToFloat,
} from '../../../bench/src/gguf/elements.js';

const NORMAL = fc.float({ noNaN: true, noDefaultInfinity: true, min: -1000, max: 1000 });

describe('half precision', () => {
  it.each([
    [0, 0x0000],
    [-0, 0x8000],
    [1, 0x3c00],
    [-2, 0xc000],
    [65_504, 0x7bff],
    [65_519, 0x7bff],
    [65_520, 0x7c00],
    [-Infinity, 0xfc00],
    [2 ** -14, 0x0400],
    [2 ** -24, 0x0001],
    [2 ** -25, 0x0000],
    [1 + 2 ** -11, 0x3c00],
    [1 + 3 * 2 ** -11, 0x3c02],
    [2 - 2 ** -12, 0x4000],
  ])('writes %d as %d', (value, bits) => {
    expect(floatToHalf(value)).toBe(bits);
  });

  it('survives a round trip with every pattern that is a number', () => {
    const patterns = Array.from({ length: 65_536 }, (_, bits) => bits).filter(
      bits => !Number.isNaN(halfToFloat(bits)),
    );

    expect(patterns).toHaveLength(65_536 - 2 * 1023);
    expect(patterns.filter(bits => floatToHalf(halfToFloat(bits)) !== bits)).toEqual([]);
  });

  it('keeps what is not a number apart from infinity', () => {
    expect(halfToFloat(floatToHalf(NaN))).toBeNaN();
  });
});

describe('encoded elements', () => {
  it('of f32 are the values themselves', () => {
    fc.assert(
      fc.property(fc.float32Array(), values => {
        expect(decodeElements('f32', encodeElements('f32', values))).toEqual(values);
      }),
    );
  });

  it.each([
    ['f16', 2 ** -11],
    ['bf16', 2 ** -8],
  ] as const)('of %s differ by at most half of the last place', (type, relative) => {
    fc.assert(
      fc.property(NORMAL, value => {
        const [decoded = NaN] = decodeElements(type, encodeElements(type, Float32Array.of(value)));

        expect(Math.abs(decoded - value)).toBeLessThanOrEqual(
          Math.abs(value) * relative + 2 ** -25,
        );
      }),
    );
  });

  it('of q8_0 differ by at most half a step of their block', () => {
    fc.assert(
      fc.property(fc.array(NORMAL, { minLength: 32, maxLength: 32 }), block => {
        const values = Float32Array.from(block);
        const decoded = decodeElements('q8_0', encodeElements('q8_0', values));

        const largest = Math.max(...block.map(Math.abs));
        // The scale is itself a half.
        const bound = (largest / 127) * 0.5 + largest * 2 ** -11 + 127 * 2 ** -25;
        values.forEach((value, i) => {
          expect(Math.abs((decoded[i] ?? NaN) - value)).toBeLessThanOrEqual(bound);
        });
      }),
    );
  });

  it.each([
    [1, 0x3f80],
    [-2, 0xc000],
    [1 + 2 ** -8, 0x3f80],
    [1 + 3 * 2 ** -8, 0x3f82],
    [1 + 2 ** -8 + 2 ** -20, 0x3f81],
    [2 - 2 ** -9, 0x4000],
    [3.3895313892515355e38, 0x7f7f],
    [-0, 0x8000],
    [NaN, 0x7fc0],
  ])('of bf16 are the upper half of f32, ties to even: %d', (value, bits) => {
    const bytes = encodeElements('bf16', Float32Array.of(value));

    expect(new DataView(bytes.buffer).getUint16(0, true)).toBe(bits);
  });

  it('of q8_0 are a half scale, then a signed byte each, ties away from zero', () => {
    const values = new Float32Array(32);
    values.set([127, -127, 2.5, -2.5, 0.49, -0.51, 64]);

    const bytes = encodeElements('q8_0', values);

    expect([...bytes.subarray(0, 9)]).toEqual([0x00, 0x3c, 127, 129, 3, 253, 0, 255, 64]);
    expect(bytes).toHaveLength(34);
  });

  it('of q8_0 follow the formula of ggml, block by block', () => {
    const blocks = fc.array(NORMAL, { minLength: 64, maxLength: 64 });
    fc.assert(
      fc.property(blocks, numbers => {
        const values = Float32Array.from(numbers);

        const view = new DataView(encodeElements('q8_0', values).buffer);

        for (const block of [0, 1]) {
          const part = values.subarray(32 * block, 32 * block + 32);
          const scale = Math.fround(Math.max(...part.map(Math.abs)) / 127);
          const inverse = Math.fround(1 / scale);
          const expected = [...part].map(value => roundAway(Math.fround(value * inverse)));
          const stored = [...part].map((_, i) => view.getInt8(34 * block + 2 + i));
          expect(view.getUint16(34 * block, true)).toBe(floatToHalf(scale));
          expect(stored).toEqual(scale === 0 ? stored.map(() => 0) : expected);
        }
      }),
    );
  });

  it('of q8_0 that are all zero stay zero', () => {
    expect(encodeElements('q8_0', new Float32Array(32))).toEqual(new Uint8Array(34));
  });
});

/** C's roundf, without its negative zero. */
function roundAway(value: number): number {
  const whole = value < 0 ? Math.ceil(value - 0.5) : Math.floor(value + 0.5);
  return whole === 0 ? 0 : whole;
}
