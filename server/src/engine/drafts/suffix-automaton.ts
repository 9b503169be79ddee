/** An earlier occurrence of what a text ends with. */
export interface Repeat {
  /** Tokens of the longest end of the text that occurred before; 0: none did. */
  readonly length: number;
  /** Index of that occurrence's last token; -1: there is none. */
  readonly end: number;
}

const { imul } = Math;

/** State of the empty string. No transition leads to it, so as a target it means "none". */
const ROOT = 0;
const NO_STATE = -1;
const FIRST_CAPACITY = 16;
const MOST_MARKED = 32;
const none: readonly number[] = [];

/**
 * The suffix automaton of a growing text of token ids (Blumer et al., "The smallest automaton recognizing the subwords
 * of a text", 1985): tells after each token, in amortised constant time, the longest end of the text that occurred
 * before, and where it did so last.
 *
 * Memory: 64 bytes per token of capacity, which doubles, so at most 128 bytes per token beyond the first 16. A text of
 * n tokens has at most 2n states, and at most n - 1 transitions beside the first of each state.
 */
export class SuffixAutomaton {
  #capacity = 0;
  #length = 0;
  #text = new Int32Array(0);

  #states = 1;
  /** Of each state: length of its longest string. */
  #lengths = new Int32Array(0);
  /** Of each state: the state of its longest suffix that also occurs elsewhere. */
  #links = new Int32Array(0);
  /** Of each state: index of the last token of an occurrence. */
  #ends = new Int32Array(0);
  /** Of each state: target of its first transition. */
  #firsts = new Int32Array(0);
  /** Of each state: the newest of its further transitions; 0: it has none. */
  #heads = new Int32Array(0);

  #furthers = 0;
  /** Of each further transition, counted from 1: its state. */
  #sources = new Int32Array(0);
  #targets = new Int32Array(0);
  /** Of each further transition: the next older one of its state. */
  #nexts = new Int32Array(0);
  /** Hash table of further transitions by state and token, open addressing, at most half full. */
  #slots = new Int32Array(0);

  #last = ROOT;
  #repeated = ROOT;
  #repeatEnd = -1;
  #operations = 0;

  constructor() {
    this.#reserve(FIRST_CAPACITY);
    this.#links[ROOT] = NO_STATE;
    this.#ends[ROOT] = -1;
  }

  /** Tokens of the text. */
  get length(): number {
    return this.#length;
  }

  /** Bytes of its arrays. */
  get bytes(): number {
    const states = [this.#lengths, this.#links, this.#ends, this.#firsts, this.#heads];
    const furthers = [this.#sources, this.#targets, this.#nexts, this.#slots];
    return [this.#text, ...states, ...furthers].reduce((sum, array) => sum + array.byteLength, 0);
  }

  /** Links followed, slots probed, and transitions made, copied or moved since it was made: its cost, free of clocks. */
  get operations(): number {
    return this.#operations;
  }

  /** The token at an index of the text. */
  at(index: number): number {
    return this.#text[index] ?? -1;
  }

  /** Appends a token id. */
  extend(token: number): void {
    if (this.#length === this.#capacity) this.#reserve(2 * this.#capacity);
    const end = this.#length++;
    this.#text[end] = token;
    const state = this.#states++;
    this.#lengths[state] = end + 1;
    this.#ends[state] = end;
    let from = this.#last;
    let target = ROOT;
    while (from !== NO_STATE && (target = this.#target(from, token)) === ROOT) {
      this.#add(from, state);
      from = this.#link(from);
    }
    this.#links[state] = from === NO_STATE ? ROOT : this.#exact(from, target, token);
    this.#last = state;
    // What occurs only here ends in `state` alone: its link is the longest end of the text that occurred before.
    this.#repeated = this.#link(state);
    this.#repeatEnd = this.#ends[this.#repeated] ?? -1;
    this.#mark(end);
  }

  /**
   * The longest end of text + `after` that occurred before, and its last occurrence. Where more than 32 repeated ends
   * nest, as in a long run of one token, the occurrence may be an older one. Takes constant time for the text alone;
   * with `after` it follows at most one link per token of the text's own repeat and of `after`.
   * @param after tokens that are not part of the text yet: occurrences that end among them are not found. @default []
   */
  repeat(after: readonly number[] = none): Repeat {
    let state = this.#repeated;
    let length = this.#lengths[state] ?? 0;
    if (after.length === 0) return { length, end: this.#repeatEnd };
    for (const token of after) {
      let target = this.#target(state, token);
      while (target === ROOT && state !== ROOT) {
        state = this.#link(state);
        length = this.#lengths[state] ?? 0;
        target = this.#target(state, token);
      }
      if (target === ROOT) continue;
      state = target;
      length++;
    }
    return { length, end: this.#ends[state] ?? -1 };
  }

  #link(state: number): number {
    this.#operations++;
    return this.#links[state] ?? NO_STATE;
  }

  /** The state whose longest string is the longest of `from` with the token: `target`, or what is split off from it. */
  #exact(from: number, target: number, token: number): number {
    const length = (this.#lengths[from] ?? 0) + 1;
    if (this.#lengths[target] === length) return target;
    const copy = this.#states++;
    this.#lengths[copy] = length;
    this.#links[copy] = this.#links[target] ?? ROOT;
    this.#ends[copy] = this.#ends[target] ?? -1;
    this.#firsts[copy] = this.#firsts[target] ?? ROOT;
    for (let further = this.#heads[target] ?? 0; further !== 0;) {
      this.#add(copy, this.#targets[further] ?? ROOT);
      further = this.#nexts[further] ?? 0;
    }
    this.#links[target] = copy;
    for (let state = from; state !== NO_STATE; state = this.#link(state)) {
      if (this.#target(state, token) !== target) break;
      this.#redirect(state, token, copy);
    }
    return copy;
  }

  /** Records the newest occurrence of what the text ends with, of the longest ends first. */
  #mark(end: number): void {
    let state = this.#repeated;
    // Unbounded, a run of one token would cost its length for each of its tokens.
    for (let marked = 0; marked < MOST_MARKED && state !== ROOT; marked++) {
      this.#ends[state] = end;
      state = this.#link(state);
    }
  }

  /** All transitions into a state have one token: the last of its strings. So none is stored. */
  #tokenInto(state: number): number {
    return this.#text[this.#ends[state] ?? -1] ?? -1;
  }

  #target(state: number, token: number): number {
    this.#operations++;
    const first = this.#firsts[state] ?? ROOT;
    if (first === ROOT || this.#tokenInto(first) === token) return first;
    if (this.#heads[state] === 0) return ROOT;
    return this.#targets[this.#slots[this.#slotOf(state, token)] ?? 0] ?? ROOT;
  }

  #add(state: number, target: number): void {
    if (this.#firsts[state] === ROOT) {
      this.#firsts[state] = target;
      return;
    }
    const further = ++this.#furthers;
    this.#sources[further] = state;
    this.#targets[further] = target;
    this.#nexts[further] = this.#heads[state] ?? 0;
    this.#heads[state] = further;
    this.#slots[this.#slotOf(state, this.#tokenInto(target))] = further;
  }

  #redirect(state: number, token: number, target: number): void {
    if (this.#tokenInto(this.#firsts[state] ?? ROOT) === token) this.#firsts[state] = target;
    else this.#targets[this.#slots[this.#slotOf(state, token)] ?? 0] = target;
  }

  /** Slot of a further transition, or the empty one where it belongs. */
  #slotOf(state: number, token: number): number {
    const mask = this.#slots.length - 1;
    let hash = imul(state, 0x9e3779b1) ^ imul(token, 0x85ebca77);
    hash = imul(hash ^ (hash >>> 15), 0xc2b2ae35);
    let slot = (hash ^ (hash >>> 16)) & mask;
    for (;;) {
      this.#operations++;
      const further = this.#slots[slot] ?? 0;
      if (further === 0) return slot;
      const same = this.#sources[further] === state;
      if (same && this.#tokenInto(this.#targets[further] ?? ROOT) === token) return slot;
      slot = (slot + 1) & mask;
    }
  }

  #reserve(capacity: number): void {
    this.#capacity = capacity;
    this.#text = grown(this.#text, capacity);
    this.#lengths = grown(this.#lengths, 2 * capacity);
    this.#links = grown(this.#links, 2 * capacity);
    this.#ends = grown(this.#ends, 2 * capacity);
    this.#firsts = grown(this.#firsts, 2 * capacity);
    this.#heads = grown(this.#heads, 2 * capacity);
    this.#sources = grown(this.#sources, capacity);
    this.#targets = grown(this.#targets, capacity);
    this.#nexts = grown(this.#nexts, capacity);
    this.#slots = new Int32Array(2 * capacity);
    for (let further = 1; further <= this.#furthers; further++) {
      const token = this.#tokenInto(this.#targets[further] ?? ROOT);
      this.#slots[this.#slotOf(this.#sources[further] ?? ROOT, token)] = further;
    }
  }
}

function grown(array: Int32Array<ArrayBuffer>, length: number): Int32Array<ArrayBuffer> {
  const larger = new Int32Array(length);
  larger.set(array);
  return larger;
}
