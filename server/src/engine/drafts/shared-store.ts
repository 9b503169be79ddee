import { type Copy, copiedLength } from './copy.js';

/** How a shared store is kept. */
export interface SharedStoreOptions {
  /** Most memory that it takes, in bytes; 20 per token that it can hold. At least 4096. */
  readonly maxBytes: number;
  /** Ids that end the text: a copy ends with the first of them. @default [] */
  readonly eogIds?: readonly number[];
}

const LEAST_BYTES = 4_096;
/** Longer than within one text: among the texts of many, shorter matches are mostly chance. */
const CONTEXT = 6;
const MOST_COMPARED = 64;
const TOKEN_BYTES = 4;
/** A slot is the number of a sequence and an index within it. */
const SLOT_BYTES = 8;
const SLOTS_PER_TOKEN = 2;
/** Of the objects around the tokens of a sequence, generously. */
const SEQUENCE_BYTES = 256;

/**
 * Finished sequences of one vocabulary, to copy from in later requests. It makes text of one caller a hint for another,
 * whose speed then tells that it was there: only for callers who may know of each other.
 *
 * An index maps the hash of each 6 tokens to their newest place. It is direct-mapped: a newer place overwrites, and what
 * is read is compared before it is believed. So it needs no upkeep when a sequence goes, and its size never changes; a
 * place that was overwritten is a hint lost, nothing more. Sequences go least recently used first.
 */
export class SharedStore {
  readonly #eog: ReadonlySet<number>;
  readonly #maxSequenceBytes: number;
  readonly #slots: number;
  readonly #sequenceAt: Int32Array;
  readonly #indexAt: Int32Array;
  /** By number, the least recently used first. */
  readonly #sequences = new Map<number, Int32Array>();
  #sequenceBytes = 0;
  #lastNumber = 0;

  /** @throws RangeError where `maxBytes` is no number of 4096 or more */
  constructor({ maxBytes, eogIds = [] }: SharedStoreOptions) {
    if (!(maxBytes >= LEAST_BYTES && Number.isFinite(maxBytes)))
      throw new RangeError(`a shared store needs at least ${LEAST_BYTES} bytes, not ${maxBytes}`);
    this.#eog = new Set(eogIds);
    const capacity = Math.floor(maxBytes / (TOKEN_BYTES + SLOTS_PER_TOKEN * SLOT_BYTES));
    this.#maxSequenceBytes = capacity * TOKEN_BYTES;
    this.#slots = capacity * SLOTS_PER_TOKEN;
    this.#sequenceAt = new Int32Array(this.#slots);
    this.#indexAt = new Int32Array(this.#slots);
  }

  /** Sequences held. */
  get size(): number {
    return this.#sequences.size;
  }

  /** Bytes of memory taken, never more than `maxBytes`. */
  get bytes(): number {
    return this.#sequenceBytes + this.#slots * SLOT_BYTES;
  }

  /** Keeps a finished sequence, of one that is too long its end, and lets the least recently used go for it. */
  add(sequence: ArrayLike<number>): void {
    if (sequence.length <= CONTEXT) return;
    const most = Math.floor((this.#maxSequenceBytes - SEQUENCE_BYTES) / TOKEN_BYTES);
    const start = Math.max(0, sequence.length - most);
    const tokens = Int32Array.from({ length: sequence.length - start }, (_, index) => {
      return sequence[start + index] ?? -1;
    });
    this.#makeRoom(bytesOf(tokens));
    const number = ++this.#lastNumber;
    this.#sequences.set(number, tokens);
    this.#sequenceBytes += bytesOf(tokens);
    // What nothing follows is not worth a slot.
    for (let last = CONTEXT - 1; last < tokens.length - 1; last++) {
      const slot = this.#slotOf(tokens, last);
      this.#sequenceAt[slot] = number;
      this.#indexAt[slot] = last;
    }
  }

  /**
   * Copies from behind the place that the index has for the last 6 tokens, and marks its sequence as used.
   * @param tail the last tokens of a text; with 64 of them matches are told apart up to that length
   * @param limit most tokens to propose; beyond that min(16, 2 · matchLength) are the most
   */
  propose(tail: ArrayLike<number>, limit: number): Copy {
    const ids: number[] = [];
    if (tail.length < CONTEXT) return { ids, matchLength: 0 };
    const slot = this.#slotOf(tail, tail.length - 1);
    const number = this.#sequenceAt[slot] ?? 0;
    const last = this.#indexAt[slot] ?? 0;
    const tokens = this.#sequences.get(number);
    if (tokens === undefined) return { ids, matchLength: 0 };
    const matchLength = commonEnd(tail, tokens, last);
    if (matchLength < CONTEXT) return { ids, matchLength: 0 };
    const end = Math.min(tokens.length, last + 1 + copiedLength(matchLength, limit));
    for (let index = last + 1; index < end; index++) {
      const id = tokens[index] ?? -1;
      ids.push(id);
      if (this.#eog.has(id)) break;
    }
    this.#sequences.delete(number);
    this.#sequences.set(number, tokens);
    return { ids, matchLength };
  }

  /** Forgets everything. */
  clear(): void {
    this.#sequences.clear();
    this.#sequenceBytes = 0;
  }

  #makeRoom(bytes: number): void {
    for (const [number, tokens] of this.#sequences) {
      if (this.#sequenceBytes + bytes <= this.#maxSequenceBytes) return;
      this.#sequences.delete(number);
      this.#sequenceBytes -= bytesOf(tokens);
    }
  }

  /** Slot of the 6 tokens up to an index. */
  #slotOf(tokens: ArrayLike<number>, last: number): number {
    let hash = 0;
    for (let index = last - CONTEXT + 1; index <= last; index++) {
      hash = Math.imul(hash ^ (tokens[index] ?? -1), 0x9e3779b1);
      hash ^= hash >>> 15;
    }
    return Math.floor(((hash >>> 0) / 2 ** 32) * this.#slots);
  }
}

function bytesOf(tokens: Int32Array): number {
  return tokens.byteLength + SEQUENCE_BYTES;
}

/** How many tokens up to `last` are those that `tail` ends with. */
function commonEnd(tail: ArrayLike<number>, tokens: Int32Array, last: number): number {
  const most = Math.min(MOST_COMPARED, tail.length, last + 1);
  let length = 0;
  while (length < most && tail[tail.length - 1 - length] === tokens[last - length]) length++;
  return length;
}
