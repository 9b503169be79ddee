import { usage } from '../failure.js';

const LARGEST_UINT32 = 4_294_967_295;

/** A whole number that fits a `uint32`. @throws CommandFailure USAGE */
export function count(text: string): number {
  const value = integer(text);
  if (value < 0 || value > LARGEST_UINT32) {
    throw usage(`"${text}" is not a whole number from 0 to ${LARGEST_UINT32}`);
  }
  return value;
}

/** A whole number of either sign. @throws CommandFailure USAGE */
export function integer(text: string): number {
  if (!/^[+-]?\d{1,15}$/.test(text)) throw usage(`"${text}" is not a whole number`);
  return Number(text);
}

/** A decimal number. @throws CommandFailure USAGE */
export function decimal(text: string): number {
  if (!/^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i.test(text)) throw usage(`"${text}" is not a number`);
  return Number(text);
}

/** Parts between commas, without blanks around them. @throws CommandFailure USAGE when one is empty */
export function list(text: string): string[] {
  const parts = text.split(',').map(part => part.trim());
  if (parts.includes('')) throw usage(`"${text}" has an empty entry`);
  return parts;
}

/** Numbers between commas or blanks. @throws CommandFailure USAGE */
export function decimals(text: string): number[] {
  return text
    .trim()
    .split(/\s*,\s*|\s+/)
    .map(decimal);
}

/** The value of one of several words, compared without case. @throws CommandFailure USAGE that names the words */
export function choice<Value>(words: Readonly<Record<string, Value>>): (text: string) => Value {
  const known = new Map(Object.entries(words));
  return text => {
    const value = known.get(text.toLowerCase());
    if (value === undefined) {
      throw usage(`"${text}" is none of ${[...known.keys()].join(', ')}`);
    }
    return value;
  };
}

/** `true` or `false` as an environment variable may say it. @throws CommandFailure USAGE */
export const yesOrNo = choice({
  '1': 'true',
  true: 'true',
  yes: 'true',
  on: 'true',
  '0': 'false',
  false: 'false',
  no: 'false',
  off: 'false',
});
