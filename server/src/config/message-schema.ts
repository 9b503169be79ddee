import { readFileSync } from 'node:fs';
import {
  createFileRegistry,
  type DescEnum,
  type DescField,
  type DescMessage,
  fromBinary,
  ScalarType,
} from '@bufbuild/protobuf';
import { FileDescriptorSetSchema } from '@bufbuild/protobuf/wkt';
import { z } from 'zod';

/** How the fields of a message are called: as in the contract (`gpu_layers`), or as in its JSON (`gpuLayers`). */
export type KeyStyle = 'proto' | 'json';

/** A checked object that the message's `fromJSON` understands completely. */
export type MessageJson = Record<string, unknown>;

/**
 * Checks data that stands for a message of the contract: unknown keys, wrong types, two members of one oneof. Enum
 * values may leave out their prefix; the result has it. What a value means is not looked at.
 * @param name in the package `outrider.v1`, for example `LoadModelRequest`
 */
export function messageSchema(name: string, keys: KeyStyle): z.ZodType<MessageJson> {
  const message = contract().getMessage(`outrider.v1.${name}`);
  if (message === undefined) throw new Error(`the contract has no message ${name}`);
  return schemaOf(message, keys);
}

/** An object with no other keys than these; the refusal names them. */
export function knownKeys<Shape extends z.core.$ZodLooseShape>(shape: Shape) {
  const known = Object.keys(shape).join(', ');
  return z.strictObject(shape, {
    error: issue =>
      issue.code === 'unrecognized_keys'
        ? `is not known; known are ${known}`
        : needs(`an object with ${known}`, issue.input),
  });
}

/** What is wrong with a value, and what would be right. */
export function needs(what: string, input: unknown): string {
  const given = input === undefined ? 'nothing' : JSON.stringify(input);
  return `needs ${what}, not ${given.length > 80 ? `${given.slice(0, 77)}…` : given}`;
}

let registry: ReturnType<typeof createFileRegistry> | undefined;

function contract() {
  registry ??= createFileRegistry(
    fromBinary(
      FileDescriptorSetSchema,
      readFileSync(new URL('../../descriptors.binpb', import.meta.url)),
    ),
  );
  return registry;
}

function schemaOf(message: DescMessage, keys: KeyStyle): z.ZodType<MessageJson> {
  const keyOf = (field: DescField) => (keys === 'proto' ? field.name : field.jsonName);
  const shape = Object.fromEntries(
    message.fields.map(field => [keyOf(field), fieldSchema(field, keys).optional()]),
  );
  return knownKeys(shape).superRefine((value, context) => {
    for (const { fields } of message.oneofs) {
      const [first, second] = fields.map(keyOf).filter(key => value[key] !== undefined);
      if (first === undefined || second === undefined) continue;
      const text = `excludes ${first}; give one of ${fields.map(keyOf).join(', ')}`;
      context.addIssue({ code: 'custom', path: [second], message: text });
    }
  });
}

function fieldSchema(field: DescField, keys: KeyStyle): z.ZodType {
  if (field.fieldKind === 'map')
    throw new Error(`${field.name} is a map, which no message has that people write`);
  const value = valueSchema(field, keys);
  if (field.fieldKind !== 'list') return value;
  return z.array(value, { error: ({ input }) => needs('a list', input) });
}

/** Of what a field holds, or each element of a list. */
function valueSchema(
  field: Exclude<DescField, { readonly fieldKind: 'map' }>,
  keys: KeyStyle,
): z.ZodType {
  if (field.message !== undefined) return schemaOf(field.message, keys);
  if (field.enum !== undefined) return enumSchema(field.enum);
  return scalarSchema(field.scalar);
}

function enumSchema({ values }: DescEnum): z.ZodType<string> {
  const prefix = (values[0]?.name ?? '').replace(/UNSPECIFIED$/, '');
  const names = new Map(
    values.flatMap(({ name }) => [
      [name, name],
      [name.slice(prefix.length), name],
    ]),
  );
  const words = values.slice(1).map(({ name }) => name.slice(prefix.length));
  const what = `one of ${words.join(', ')}`;
  return z.unknown().transform((given, context) => {
    const name = typeof given === 'string' ? names.get(given) : undefined;
    if (name !== undefined) return name;
    context.addIssue({ code: 'custom', message: needs(what, given) });
    return z.NEVER;
  });
}

function scalarSchema(type: ScalarType): z.ZodType {
  const error = (what: string) => ({
    error: ({ input }: { readonly input?: unknown }) => needs(what, input),
  });
  switch (type) {
    case ScalarType.STRING:
      return z.string(error('a text (in quotes, where it looks like something else)'));
    case ScalarType.BOOL:
      return z.boolean(error('true or false'));
    case ScalarType.FLOAT:
    case ScalarType.DOUBLE:
      return z.number(error('a number'));
    case ScalarType.UINT32:
      return wholeNumber(2 ** 32 - 1);
    case ScalarType.UINT64:
      return wholeNumber(Number.MAX_SAFE_INTEGER);
    default:
      throw new Error(`no message that people write has a field of the scalar type ${type}`);
  }
}

function wholeNumber(largest: number): z.ZodType<number> {
  return z.custom<number>(
    given => typeof given === 'number' && Number.isInteger(given) && given >= 0 && given <= largest,
    { error: ({ input }) => needs(`a whole number from 0 to ${largest}`, input) },
  );
}
