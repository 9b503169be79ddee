import { createHash, timingSafeEqual } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { whyOf } from '../../caught-error.js';
import { invalidField } from '../../coded-error.js';

/** A bearer token that opens the server. */
export interface ApiKey {
  /** Name for the log, or `line N` of the file where there is none. */
  readonly name: string;
  /** The token itself: 1 to 512 visible ASCII characters. */
  readonly token: string;
}

/**
 * Reads keys, one per line: `TOKEN` or `TOKEN NAME`. Blank lines count for nothing, and neither does what follows a
 * `#` at the start of a line or behind a blank.
 * @throws CodedError INVALID_FIELD for the line at fault, which is told by its number only, and without any key
 */
export function parseApiKeys(text: string, field = 'apiKeyFile'): readonly ApiKey[] {
  const keys = new Map<string, ApiKey>();
  text.split(/\r?\n/).forEach((line, i) => {
    const [token, name = `line ${i + 1}`, ...more] = wordsOf(line);
    if (token === undefined) return;
    const wrong = complaint(token, name, more, keys.has(token));
    if (wrong !== undefined) throw invalidField(field, `line ${i + 1} ${wrong}`);
    keys.set(token, { name, token });
  });
  if (keys.size === 0) throw invalidField(field, 'there is no key; give one per line');
  return [...keys.values()];
}

/** Reads a key file. @throws CodedError INVALID_FIELD, also for a file that cannot be read */
export function readApiKeys(path: string, field?: string): readonly ApiKey[] {
  return parseApiKeys(readText(path, field), field);
}

/** Tells who calls. Only digests are kept, so that no dump of its memory shows a token. */
export class ApiKeyRing {
  readonly #keys: readonly { readonly name: string; readonly digest: Buffer }[];

  constructor(keys: readonly ApiKey[]) {
    this.#keys = keys.map(({ name, token }) => ({ name, digest: digestOf(token) }));
  }

  /** How many keys there are. */
  get size(): number {
    return this.#keys.length;
  }

  /**
   * Name of the key in an `authorization` header, `undefined` unless it is one of these. The time this takes tells
   * nothing about the keys: digests of one length are compared in constant time, and always all of them.
   */
  callerOf(authorization: string | undefined): string | undefined {
    const token = /^bearer +([\x21-\x7e]{1,512})$/i.exec(authorization ?? '')?.[1];
    if (token === undefined) return undefined;
    const digest = digestOf(token);
    let caller: string | undefined;
    for (const key of this.#keys) if (timingSafeEqual(key.digest, digest)) caller = key.name;
    return caller;
  }
}

function wordsOf(line: string): string[] {
  return line
    .replace(/(^|\s)#.*$/, '')
    .split(/\s+/)
    .filter(word => word !== '');
}

function complaint(
  token: string,
  name: string,
  more: readonly string[],
  known: boolean,
): string | undefined {
  if (!/^[\x21-\x7e]{1,512}$/.test(token)) return 'has a key that is not visible ASCII, 1 to 512';
  if (more.length > 0) return 'has more than a key and a name; a comment begins with #';
  if (!/^(line )?[\w.@-]{1,64}$/.test(name))
    return 'has a name beyond 1 to 64 of A-Z a-z 0-9 _ . @ -';
  return known ? 'has a key that another line has as well' : undefined;
}

function digestOf(token: string): Buffer {
  return createHash('sha256').update(token).digest();
}

function readText(path: string, field = 'apiKeyFile'): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    throw invalidField(field, `"${path}" cannot be read: ${whyOf(error)}`);
  }
}
