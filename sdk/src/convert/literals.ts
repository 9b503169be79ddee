import { InvalidRequestError } from '../errors/failures.js';

/** The lower-case literals, without prefix, of a generated enum. */
export type LiteralOf<
  Wire extends string,
  Prefix extends string,
> = Wire extends `${Prefix}_${infer Name}`
  ? Name extends 'UNSPECIFIED'
    ? never
    : Lowercase<Name>
  : never;

/** Converts between an enum on the wire and its literals. */
export interface Literals<Wire, Literal> {
  /** The literal; undefined for unspecified and for values of newer servers. */
  readonly read: (wire: Wire) => Literal | undefined;
  /** The wire value; unspecified for undefined. @throws InvalidRequestError naming `field` for any other text */
  readonly write: (literal: Literal | undefined, field: string) => Wire;
}

/** Literals of a generated enum whose values start with `prefix`. */
export function literals<Wire extends string, Prefix extends string>(
  values: Readonly<Record<string, Wire>> & { readonly UNSPECIFIED: Wire },
  prefix: Prefix,
): Literals<Wire, LiteralOf<Wire, Prefix>> {
  const named = Object.values(values).filter(
    wire => wire.startsWith(`${prefix}_`) && wire !== values.UNSPECIFIED,
  );
  const pairs = named.map(wire => {
    const literal = wire.slice(prefix.length + 1).toLowerCase();
    return [wire, literal as LiteralOf<Wire, Prefix>] as const;
  });
  const byWire = new Map(pairs);
  const byLiteral = new Map<string, Wire>(pairs.map(([wire, literal]) => [literal, wire]));
  return {
    read: wire => byWire.get(wire),
    write: (literal, field) => {
      if (literal === undefined) return values.UNSPECIFIED;
      const wire = byLiteral.get(literal);
      if (wire === undefined) throw notOneOf(field, literal, [...byLiteral.keys()]);
      return wire;
    },
  };
}

function notOneOf(field: string, given: unknown, valid: readonly string[]): InvalidRequestError {
  const description = `${String(given)} is not one of ${valid.join(', ')}`;
  return new InvalidRequestError(`${field}: ${description}`, {
    code: 'INVALID_ARGUMENT',
    reason: 'INVALID_FIELD',
    fieldViolations: [{ field, description }],
  });
}
