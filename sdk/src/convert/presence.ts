import { InvalidRequestError } from '../errors/failures.js';

/** A text whose emptiness means that there is none. */
export function textOrAbsent(text: string): string | undefined {
  return text === '' ? undefined : text;
}

/**
 * Refuses options that nothing has read, so that a misspelt one is not silently left out.
 * @throws InvalidRequestError naming every one that is set
 */
export function refuseUnknown(rest: object, where: string): void {
  const fields = Object.entries(rest)
    .filter(([, value]) => value !== undefined)
    .map(([key]) => `${where}${key}`);
  if (fields.length === 0) return;
  throw new InvalidRequestError(`no such option: ${fields.join(', ')}`, {
    code: 'INVALID_ARGUMENT',
    reason: 'INVALID_FIELD',
    fieldViolations: fields.map(field => ({ field, description: 'no such option' })),
  });
}

/** Refuses options that exclude each other or that are missing. */
export function refuse(field: string, description: string): never {
  throw new InvalidRequestError(`${field}: ${description}`, {
    code: 'INVALID_ARGUMENT',
    reason: 'INVALID_FIELD',
    fieldViolations: [{ field, description }],
  });
}

/** The same object without the keys whose value is undefined. */
export function withoutAbsent<T extends object>(object: T): T {
  return Object.fromEntries(Object.entries(object).filter(([, value]) => value !== undefined)) as T;
}
