import fc from 'fast-check';

/** Any value of a message that field by field is any value. */
export function record<T extends object>(fields: {
  [K in keyof T]: fc.Arbitrary<T[K]>;
}): fc.Arbitrary<T> {
  return fc.record(fields) as fc.Arbitrary<T>;
}

/** 0 to 2^32 - 1. */
export const uint32 = fc.integer({ min: 0, max: 2 ** 32 - 1 });
/** 0 to 2^53 - 1. */
export const bytes = fc.integer({ min: 0, max: Number.MAX_SAFE_INTEGER });
/** What fits into a float and equals itself after a trip. */
export const float = fc
  .float({ noNaN: true, noDefaultInfinity: true })
  .map(x => (Object.is(x, -0) ? 0 : x));
/** Short texts, the empty one among them. */
export const text = fc.string({ unit: 'grapheme', maxLength: 8 });
/** Yes or no. */
export const flag = fc.boolean();
/** This century. */
export const time = fc.date({
  min: new Date(0),
  max: new Date('2100-01-01'),
  noInvalidDate: true,
});

/** None to four. */
export function list<T>(items: fc.Arbitrary<T>): fc.Arbitrary<T[]> {
  return fc.array(items, { maxLength: 4 });
}

/** One or undefined. */
export function maybe<T>(value: fc.Arbitrary<T>): fc.Arbitrary<T | undefined> {
  return fc.option(value, { nil: undefined });
}

/** Any value that this version of the contract knows. */
export function oneOf<Value extends string>(
  values: Readonly<Record<string, Value>>,
): fc.Arbitrary<Value> {
  return fc.constantFrom(...Object.values(values).filter(value => value !== 'UNRECOGNIZED'));
}

/** Any value but unspecified. */
export function named<Value extends string>(
  values: Readonly<Record<string, Value>>,
): fc.Arbitrary<Value> {
  return oneOf(values).filter(value => !value.endsWith('_UNSPECIFIED'));
}
