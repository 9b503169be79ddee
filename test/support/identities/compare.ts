type Figure = number | string | boolean | undefined;

/** A violation unless both are the same. */
export function* same(what: string, got: Figure, expected: Figure): Iterable<string> {
  if (got !== expected) yield `${what} is ${got ?? 'unset'}, not ${expected ?? 'unset'}`;
}

/** A violation where the first is more than the second. */
export function* atMost(what: string, got: number, limit: string, most: number): Iterable<string> {
  if (got > most) yield `${what} is ${got}, more than ${limit} ${most}`;
}

/** A violation, in the words given, unless the condition holds. */
export function* holds(condition: boolean, broken: string): Iterable<string> {
  if (!condition) yield broken;
}

/** A violation unless both are unset or close. Rates travel as 32-bit floats: equal within 1e-4, relatively above one. */
export function* near(
  what: string,
  got: number | undefined,
  expected: number | undefined,
): Iterable<string> {
  if (got === undefined || expected === undefined) {
    yield* same(what, got, expected);
    return;
  }
  if (!(Math.abs(got - expected) <= 1e-4 * Math.max(1, Math.abs(expected))))
    yield `${what} is ${got}, not ${expected}`;
}
