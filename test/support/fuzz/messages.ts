import { type Chance } from './chance.js';

type Change = (bytes: Buffer, chance: Chance) => Buffer;

/** A message that is close to one of the given ones, or has nothing to do with them. */
export function anyMessage(seeds: readonly Uint8Array[], chance: Chance): Buffer {
  switch (chance.below(8)) {
    case 0:
      return chance.bytes(chance.below(200));
    case 1:
    case 2:
      return fields(chance, 3);
    default: {
      let message: Buffer = Buffer.from(chance.oneOf(seeds));
      for (let change = chance.below(4); change >= 0; change--)
        message = chance.oneOf(CHANGES)(message, chance);
      return message;
    }
  }
}

/** Well-formed fields of random numbers, types and values: the decoder reads them, the handler wonders. */
function fields(chance: Chance, depth: number): Buffer {
  return Buffer.concat(Array.from({ length: chance.below(6) }, () => field(chance, depth)));
}

function field(chance: Chance, depth: number): Buffer {
  const number = 1 + chance.below(16);
  switch (chance.below(4)) {
    case 0:
      return Buffer.concat([varint(number << 3), anyVarint(chance)]);
    case 1:
      return Buffer.concat([varint((number << 3) | 1), chance.bytes(8)]);
    case 2:
      return Buffer.concat([varint((number << 3) | 5), chance.bytes(4)]);
    default: {
      const nested = depth > 0 && chance.below(2) === 0;
      const value = nested ? fields(chance, depth - 1) : chance.bytes(chance.below(30));
      return Buffer.concat([varint((number << 3) | 2), varint(value.length), value]);
    }
  }
}

const CHANGES: readonly Change[] = [
  // A bit, a byte, the end, something more, something twice, something less, and a number in place of one.
  (bytes, chance) => at(bytes, chance, (byte, bit) => byte ^ (1 << (bit % 8))),
  (bytes, chance) => at(bytes, chance, (_, value) => value),
  (bytes, chance) => bytes.subarray(0, chance.below(bytes.length + 1)),
  (bytes, chance) => insert(bytes, chance, chance.bytes(1 + chance.below(8))),
  (bytes, chance) => insert(bytes, chance, slice(bytes, chance)),
  (bytes, chance) => {
    const from = chance.below(bytes.length + 1);
    return Buffer.concat([bytes.subarray(0, from), bytes.subarray(from + 1 + chance.below(4))]);
  },
  (bytes, chance) => insert(bytes, chance, anyVarint(chance)),
];

function at(bytes: Buffer, chance: Chance, change: (byte: number, any: number) => number): Buffer {
  const changed = Buffer.from(bytes);
  const index = chance.below(bytes.length);
  if (index < bytes.length) changed[index] = change(changed[index] ?? 0, chance.below(256));
  return changed;
}

function insert(bytes: Buffer, chance: Chance, more: Buffer): Buffer {
  const index = chance.below(bytes.length + 1);
  return Buffer.concat([bytes.subarray(0, index), more, bytes.subarray(index)]);
}

function slice(bytes: Buffer, chance: Chance): Buffer {
  const from = chance.below(bytes.length + 1);
  return bytes.subarray(from, from + 1 + chance.below(20));
}

function anyVarint(chance: Chance): Buffer {
  const edges = [0, 1, 127, 128, 65_535, 2 ** 31 - 1, 2 ** 31, 2 ** 32 - 1, 2 ** 53 - 1];
  return chance.below(4) === 0 ? Buffer.alloc(10, 0xff) : varint(chance.oneOf(edges));
}

function varint(value: number): Buffer {
  const bytes: number[] = [];
  let rest = value;
  while (rest > 127) {
    bytes.push((rest % 128) | 128);
    rest = Math.floor(rest / 128);
  }
  return Buffer.from([...bytes, rest]);
}
