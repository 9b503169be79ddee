/** Element types of tensors that this reader and writer know. */
export type TensorType = 'f32' | 'f16' | 'bf16' | 'q8_0';

/** Number types of metadata that fit a JavaScript number. */
export type NumberType =
  'uint8' | 'int8' | 'uint16' | 'int16' | 'uint32' | 'int32' | 'float32' | 'float64';

/** One metadata value that is not an array. */
export type MetadataScalar =
  | { readonly type: NumberType; readonly value: number }
  | { readonly type: 'uint64' | 'int64'; readonly value: bigint }
  | { readonly type: 'bool'; readonly value: boolean }
  | { readonly type: 'string'; readonly value: string };

/** One metadata value. Arrays of arrays exist in the format and are refused here. */
export type MetadataValue =
  | MetadataScalar
  | {
      readonly type: 'array';
      /** Type of every item, kept because an empty array has one too. */
      readonly of: MetadataScalar['type'];
      readonly items: readonly MetadataScalar[];
    };

/** Metadata in file order. */
export type Metadata = ReadonlyMap<string, MetadataValue>;

/** Numbers of the metadata types in the file. */
export const METADATA_TYPE_IDS = {
  uint8: 0,
  int8: 1,
  uint16: 2,
  int16: 3,
  uint32: 4,
  int32: 5,
  float32: 6,
  bool: 7,
  string: 8,
  array: 9,
  uint64: 10,
  int64: 11,
  float64: 12,
} as const satisfies Record<MetadataValue['type'], number>;

/** Per element type: its number in the file, and the elements and bytes of one block. */
export const TENSOR_TYPES = {
  f32: { id: 0, blockElements: 1, blockBytes: 4 },
  f16: { id: 1, blockElements: 1, blockBytes: 2 },
  q8_0: { id: 8, blockElements: 32, blockBytes: 34 },
  bf16: { id: 30, blockElements: 1, blockBytes: 2 },
} as const satisfies Record<TensorType, { id: number; blockElements: number; blockBytes: number }>;

/** Of files that name no `general.alignment`. */
const DEFAULT_ALIGNMENT = 32;

/** Where the tensors of a file with this metadata begin: at multiples of so many bytes. */
export function alignmentOf(metadata: Metadata): number {
  const alignment = metadata.get('general.alignment');
  return alignment?.type === 'uint32' ? alignment.value : DEFAULT_ALIGNMENT;
}

/** Elements of a tensor with these dimensions. */
export function elementCount(dimensions: readonly number[]): number {
  return dimensions.reduce((product, dimension) => product * dimension, 1);
}

/**
 * Bytes of a tensor, without padding.
 * @throws Error when a row does not consist of whole blocks
 */
export function tensorBytes(type: TensorType, dimensions: readonly number[]): number {
  const { blockElements, blockBytes } = TENSOR_TYPES[type];
  const [row = 1] = dimensions;
  if (row % blockElements !== 0) {
    throw new Error(`rows of ${row} elements cannot be ${type}: blocks have ${blockElements}`);
  }
  return (elementCount(dimensions) / blockElements) * blockBytes;
}

/** The next multiple of `alignment` at or above `offset`. */
export function alignUp(offset: number, alignment: number): number {
  return Math.ceil(offset / alignment) * alignment;
}
