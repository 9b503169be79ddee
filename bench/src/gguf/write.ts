import { closeSync, fsyncSync, mkdirSync, openSync, renameSync, rmSync, writeSync } from 'node:fs';
import { dirname } from 'node:path';
import { encodeElements } from './elements.js';
import {
  alignmentOf,
  alignUp,
  elementCount,
  type Metadata,
  METADATA_TYPE_IDS,
  type MetadataScalar,
  type MetadataValue,
  TENSOR_TYPES,
  tensorBytes,
  type TensorType,
} from './format.js';

/** A tensor to be written. */
export interface TensorSource {
  readonly name: string;
  /** Length of a row first. */
  readonly dimensions: readonly number[];
  readonly type: TensorType;
  /** Called once, when its turn comes, so that no two tensors are in memory together. */
  readonly values: () => Float32Array;
}

/**
 * Writes a GGUF file of version 3. The file appears under its name only when it is whole.
 * @throws Error when a tensor gives another number of values than its dimensions say
 */
export function writeGguf(
  path: string,
  metadata: Metadata,
  tensors: readonly TensorSource[],
): void {
  mkdirSync(dirname(path), { recursive: true });
  const temporary = `${path}.${process.pid}.part`;
  const descriptor = openSync(temporary, 'w');
  try {
    const alignment = alignmentOf(metadata);
    writeAll(descriptor, pad(encodeHeader(metadata, tensors), alignment));
    for (const tensor of tensors) writeAll(descriptor, pad(encodeTensor(tensor), alignment));
    fsyncSync(descriptor);
    closeSync(descriptor);
  } catch (error) {
    closeSync(descriptor);
    rmSync(temporary, { force: true });
    throw error;
  }
  renameSync(temporary, path);
}

function encodeHeader(metadata: Metadata, tensors: readonly TensorSource[]): Uint8Array {
  const parts: Uint8Array[] = [
    Buffer.from('GGUF'),
    uint32(3),
    uint64(BigInt(tensors.length)),
    uint64(BigInt(metadata.size)),
  ];
  for (const [key, value] of metadata) parts.push(string(key), ...encodeValue(value));
  let offset = 0;
  for (const { name, dimensions, type } of tensors) {
    parts.push(string(name), uint32(dimensions.length));
    parts.push(...dimensions.map(dimension => uint64(BigInt(dimension))));
    parts.push(uint32(TENSOR_TYPES[type].id), uint64(BigInt(offset)));
    offset = alignUp(offset + tensorBytes(type, dimensions), alignmentOf(metadata));
  }
  return Buffer.concat(parts);
}

function encodeTensor({ name, dimensions, type, values }: TensorSource): Uint8Array {
  const data = values();
  const expected = elementCount(dimensions);
  if (data.length !== expected) {
    throw new Error(`${name} has ${data.length} values instead of ${expected}`);
  }
  return encodeElements(type, data);
}

function encodeValue(value: MetadataValue): Uint8Array[] {
  const type = uint32(METADATA_TYPE_IDS[value.type]);
  if (value.type !== 'array') return [type, encodeScalar(value)];
  return [
    type,
    uint32(METADATA_TYPE_IDS[value.of]),
    uint64(BigInt(value.items.length)),
    ...value.items.map(encodeScalar),
  ];
}

function encodeScalar(scalar: MetadataScalar): Uint8Array {
  switch (scalar.type) {
    case 'uint8':
      return bytes(1, view => view.setUint8(0, scalar.value));
    case 'int8':
      return bytes(1, view => view.setInt8(0, scalar.value));
    case 'uint16':
      return bytes(2, view => view.setUint16(0, scalar.value, true));
    case 'int16':
      return bytes(2, view => view.setInt16(0, scalar.value, true));
    case 'uint32':
      return uint32(scalar.value);
    case 'int32':
      return bytes(4, view => view.setInt32(0, scalar.value, true));
    case 'float32':
      return bytes(4, view => view.setFloat32(0, scalar.value, true));
    case 'float64':
      return bytes(8, view => view.setFloat64(0, scalar.value, true));
    case 'uint64':
      return uint64(scalar.value);
    case 'int64':
      return bytes(8, view => view.setBigInt64(0, scalar.value, true));
    case 'bool':
      return Uint8Array.of(scalar.value ? 1 : 0);
    case 'string':
      return string(scalar.value);
  }
}

function string(text: string): Uint8Array {
  const encoded = Buffer.from(text);
  return Buffer.concat([uint64(BigInt(encoded.length)), encoded]);
}

function uint32(value: number): Uint8Array {
  return bytes(4, view => view.setUint32(0, value, true));
}

function uint64(value: bigint): Uint8Array {
  return bytes(8, view => view.setBigUint64(0, value, true));
}

function bytes(length: number, set: (view: DataView) => void): Uint8Array {
  const array = new Uint8Array(length);
  set(new DataView(array.buffer));
  return array;
}

function pad(data: Uint8Array, alignment: number): Uint8Array {
  const length = alignUp(data.length, alignment);
  if (length === data.length) return data;
  const padded = new Uint8Array(length);
  padded.set(data);
  return padded;
}

function writeAll(descriptor: number, data: Uint8Array): void {
  let written = 0;
  while (written < data.length) {
    written += writeSync(descriptor, data, written, data.length - written);
  }
}
