import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import {
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type MetadataValue, type TensorType } from '../../../bench/src/gguf/format.js';
import { readGguf, readTensor } from '../../../bench/src/gguf/read.js';
import { type TensorSource, writeGguf } from '../../../bench/src/gguf/write.js';

describe('a GGUF file', () => {
  let folder: string;
  let path: string;

  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'gguf-'));
    path = join(folder, 'model.gguf');
  });
  afterEach(() => {
    rmSync(folder, { recursive: true, force: true });
  });

  const tensor = (type: TensorType, ...values: number[]): TensorSource => ({
    name: type,
    dimensions: [values.length],
    type,
    values: () => Float32Array.from(values),
  });

  it('gives back every kind of metadata in order', () => {
    const metadata = new Map<string, MetadataValue>([
      ['a', { type: 'uint8', value: 200 }],
      ['b', { type: 'int8', value: -100 }],
      ['c', { type: 'uint16', value: 60_000 }],
      ['d', { type: 'int16', value: -30_000 }],
      ['e', { type: 'uint32', value: 4_000_000_000 }],
      ['f', { type: 'int32', value: -2_000_000_000 }],
      ['g', { type: 'float32', value: 0.5 }],
      ['h', { type: 'float64', value: 0.1 }],
      ['i', { type: 'uint64', value: 2n ** 63n }],
      ['j', { type: 'int64', value: -(2n ** 62n) }],
      ['k', { type: 'bool', value: true }],
      ['l', { type: 'string', value: 'mühle' }],
      ['m', { type: 'array', of: 'bool', items: [{ type: 'bool', value: false }] }],
      ['n', { type: 'array', of: 'string', items: [] }],
    ]);

    writeGguf(path, metadata, []);

    expect([...readGguf(path).metadata]).toEqual([...metadata]);
  });

  it('gives back tensors of every element type, whatever their sizes', () => {
    const row = Array.from({ length: 32 }, (_, i) => 8 * i - 121);
    const tensors = [
      tensor('f32', 0.1, -3, 1e-30),
      tensor('f16', 0.5, -2, 2048, 2 ** -24),
      tensor('bf16', 1, -1.5, 2 ** 100),
      tensor('q8_0', ...row),
    ];

    writeGguf(path, new Map(), tensors);

    const file = readGguf(path);
    expect(readTensor(file, 'f32')).toEqual(Float32Array.of(0.1, -3, 1e-30));
    expect(readTensor(file, 'f16')).toEqual(Float32Array.of(0.5, -2, 2048, 2 ** -24));
    expect(readTensor(file, 'bf16')).toEqual(Float32Array.of(1, -1.5, 2 ** 100));
    expect(readTensor(file, 'q8_0')).toEqual(Float32Array.from(row));
  });

  it('keeps to the alignment that it names', () => {
    const metadata = new Map([['general.alignment', { type: 'uint32', value: 256 } as const]]);

    writeGguf(path, metadata, [tensor('f32', 1), tensor('bf16', 2)]);

    const file = readGguf(path);
    expect([...file.tensors.values()].map(({ offset }) => offset % 256)).toEqual([0, 0]);
    expect(readTensor(file, 'bf16')).toEqual(Float32Array.of(2));
  });

  it('has a header of any size', () => {
    const items = Array.from({ length: 20_000 }, (_, i) => ({
      type: 'string' as const,
      value: `token ${i}`,
    }));
    const metadata = new Map([['tokens', { type: 'array', of: 'string', items } as const]]);

    writeGguf(path, metadata, [tensor('f32', 4)]);

    const file = readGguf(path);
    expect(file.metadata.get('tokens')).toEqual(metadata.get('tokens'));
    expect(readTensor(file, 'f32')).toEqual(Float32Array.of(4));
  });

  it('does not appear when a tensor fails to be made', () => {
    const wrong = { ...tensor('f32', 1), dimensions: [2] };

    expect(() => {
      writeGguf(path, new Map(), [wrong]);
    }).toThrow('f32 has 1 values instead of 2');
    expect(readdirSync(folder)).toEqual([]);
  });

  it.each([
    ['something else', Buffer.from('PK\x03\x04 and more'), /not a GGUF file/],
    ['an older version', Buffer.from('GGUF\x02\0\0\0'), /version 2/],
    ['a beginning only', Buffer.from('GGUF\x03\0\0\0\x01'), /ends within its header/],
  ])('is refused when it is %s', (_name, bytes, message) => {
    writeFileSync(path, bytes);

    expect(() => readGguf(path)).toThrow(message);
  });

  it('is refused when a tensor is cut off', () => {
    writeGguf(path, new Map(), [tensor('f32', ...Array.from({ length: 64 }, (_, i) => i))]);
    truncateSync(path, readFileSync(path).length - 8);

    const file = readGguf(path);

    expect(() => readTensor(file, 'f32')).toThrow(/ends within f32/);
  });

  it('has no rows that end within a block', () => {
    expect(() => {
      writeGguf(path, new Map(), [tensor('q8_0', 1, 2, 3)]);
    }).toThrow('rows of 3 elements cannot be q8_0');
  });
});
