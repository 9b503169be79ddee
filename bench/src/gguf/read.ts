import { closeSync, openSync, readSync } from 'node:fs';
import { decodeElements } from './elements.js';
import {
  alignmentOf,
  alignUp,
  type Metadata,
  METADATA_TYPE_IDS,
  type MetadataScalar,
  type MetadataValue,
  TENSOR_TYPES,
  tensorBytes,
  type TensorType,
} from './format.js';

/** A tensor as the header lists it. */
export interface TensorInfo {
  readonly name: string;
  /** Length of a row first. */
  readonly dimensions: readonly number[];
  readonly type: TensorType;
  /** From the start of the file, in bytes. */
  readonly offset: number;
}

/** The header of a GGUF file. */
export interface GgufFile {
  readonly path: string;
  readonly metadata: Metadata;
  /** By name, in file order. */
  readonly tensors: ReadonlyMap<string, TensorInfo>;
}

/**
 * Reads the header of a GGUF file of version 3.
 * @throws Error when it is another format, or has nested arrays or element types that are not known here
 */
export function readGguf(path: string): GgufFile {
  const cursor = new Cursor(path);
  try {
    return readHeader(path, cursor);
  } finally {
    cursor.close();
  }
}

/** Reads one tensor as 32-bit floats. */
export function readTensor(file: GgufFile, name: string): Float32Array {
  const tensor = file.tensors.get(name);
  if (tensor === undefined) throw new Error(`${file.path} has no tensor ${name}`);
  const bytes = new Uint8Array(tensorBytes(tensor.type, tensor.dimensions));
  const descriptor = openSync(file.path, 'r');
  try {
    const count = readSync(descriptor, bytes, 0, bytes.length, tensor.offset);
    if (count !== bytes.length) throw new Error(`${file.path} ends within ${name}`);
  } finally {
    closeSync(descriptor);
  }
  return decodeElements(tensor.type, bytes);
}

function readHeader(path: string, cursor: Cursor): GgufFile {
  if (cursor.text(4) !== 'GGUF') throw new Error(`${path} is not a GGUF file`);
  const version = cursor.uint32();
  if (version !== 3) throw new Error(`${path} is GGUF version ${version}, not 3`);
  const tensorCount = cursor.size();
  const metadataCount = cursor.size();

  const metadata = new Map<string, MetadataValue>();
  for (let i = 0; i < metadataCount; i += 1) metadata.set(cursor.string(), readValue(cursor));

  const relative: TensorInfo[] = [];
  for (let i = 0; i < tensorCount; i += 1) relative.push(readTensorInfo(cursor));

  const start = alignUp(cursor.position, alignmentOf(metadata));
  const tensors = new Map(
    relative.map(tensor => [tensor.name, { ...tensor, offset: start + tensor.offset }]),
  );
  return { path, metadata, tensors };
}

function readTensorInfo(cursor: Cursor): TensorInfo {
  const name = cursor.string();
  const dimensions = Array.from({ length: cursor.uint32() }, () => cursor.size());
  const id = cursor.uint32();
  const type = TENSOR_TYPE_BY_ID.get(id);
  if (type === undefined) throw new Error(`${name} has the unknown element type ${id}`);
  return { name, dimensions, type, offset: cursor.size() };
}

function readValue(cursor: Cursor): MetadataValue {
  const type = readType(cursor);
  if (type !== 'array') return readScalar(cursor, type);
  const of = readType(cursor);
  if (of === 'array') throw new Error('metadata with arrays of arrays is not supported');
  return {
    type,
    of,
    items: Array.from({ length: cursor.size() }, () => readScalar(cursor, of)),
  };
}

function readType(cursor: Cursor): MetadataValue['type'] {
  const id = cursor.uint32();
  const type = METADATA_TYPE_BY_ID.get(id);
  if (type === undefined) throw new Error(`unknown metadata type ${id}`);
  return type;
}

function readScalar(cursor: Cursor, type: MetadataScalar['type']): MetadataScalar {
  switch (type) {
    case 'uint8':
      return { type, value: cursor.take(1).getUint8(0) };
    case 'int8':
      return { type, value: cursor.take(1).getInt8(0) };
    case 'uint16':
      return { type, value: cursor.take(2).getUint16(0, true) };
    case 'int16':
      return { type, value: cursor.take(2).getInt16(0, true) };
    case 'uint32':
      return { type, value: cursor.uint32() };
    case 'int32':
      return { type, value: cursor.take(4).getInt32(0, true) };
    case 'float32':
      return { type, value: cursor.take(4).getFloat32(0, true) };
    case 'float64':
      return { type, value: cursor.take(8).getFloat64(0, true) };
    case 'uint64':
      return { type, value: cursor.take(8).getBigUint64(0, true) };
    case 'int64':
      return { type, value: cursor.take(8).getBigInt64(0, true) };
    case 'bool':
      return { type, value: cursor.take(1).getUint8(0) !== 0 };
    case 'string':
      return { type, value: cursor.string() };
  }
}

const METADATA_TYPE_BY_ID = invert(METADATA_TYPE_IDS);
const TENSOR_TYPE_BY_ID = new Map<number, TensorType>([
  [TENSOR_TYPES.f32.id, 'f32'],
  [TENSOR_TYPES.f16.id, 'f16'],
  [TENSOR_TYPES.q8_0.id, 'q8_0'],
  [TENSOR_TYPES.bf16.id, 'bf16'],
]);

function invert<K extends string>(ids: Readonly<Record<K, number>>): Map<number, K> {
  // Object.entries widens the keys of a record to string.
  return new Map((Object.entries(ids) as [K, number][]).map(([name, id]) => [id, name]));
}

const CHUNK_BYTES = 1 << 16;
const utf8 = new TextDecoder('utf-8', { fatal: true });

/** Reads forward through a file without holding more of it than a chunk. */
class Cursor {
  readonly #descriptor: number;
  #chunk = new Uint8Array(0);
  #chunkStart = 0;
  #at = 0;

  constructor(path: string) {
    this.#descriptor = openSync(path, 'r');
  }

  get position(): number {
    return this.#chunkStart + this.#at;
  }

  take(length: number): DataView {
    if (this.#at + length > this.#chunk.length) this.#refill(length);
    const view = new DataView(this.#chunk.buffer, this.#chunk.byteOffset + this.#at, length);
    this.#at += length;
    return view;
  }

  uint32(): number {
    return this.take(4).getUint32(0, true);
  }

  /** A 64-bit count or offset. */
  size(): number {
    const value = this.take(8).getBigUint64(0, true);
    if (value > BigInt(Number.MAX_SAFE_INTEGER)) throw new Error(`size ${value} is out of range`);
    return Number(value);
  }

  string(): string {
    return this.text(this.size());
  }

  text(length: number): string {
    return utf8.decode(this.take(length));
  }

  close(): void {
    closeSync(this.#descriptor);
  }

  #refill(length: number): void {
    const start = this.position;
    const chunk = new Uint8Array(Math.max(CHUNK_BYTES, length));
    const count = readSync(this.#descriptor, chunk, 0, chunk.length, start);
    if (count < length) throw new Error('the file ends within its header');
    this.#chunk = chunk.subarray(0, count);
    this.#chunkStart = start;
    this.#at = 0;
  }
}
