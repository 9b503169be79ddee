import { type Copy, copiedLength } from './copy.js';
import { type Repeat, SuffixAutomaton } from './suffix-automaton.js';

/** Shorter repeats are chance: what follows them is rarely what comes next. */
const LEAST_MATCH = 3;
const none: readonly number[] = [];

/**
 * Drafts of one stream without a model: what followed the last time when the text ended as it does now. Keeps prompt
 * and output in a suffix automaton, at most 128 bytes per token. Only committed tokens belong into it, for they cannot
 * be taken back.
 */
export class SuffixDraft {
  readonly #automaton = new SuffixAutomaton();
  readonly #eog: ReadonlySet<number>;

  /** @param eogIds ids that end the text: a copy ends with the first of them, nothing is accepted behind it. @default [] */
  constructor(eogIds: readonly number[] = none) {
    this.#eog = new Set(eogIds);
  }

  /** Committed tokens. */
  get length(): number {
    return this.#automaton.length;
  }

  /** Bytes of memory held. */
  get bytes(): number {
    return this.#automaton.bytes;
  }

  /** Takes committed tokens, one id or several in order. Amortised constant time per token. */
  extend(tokens: number | ArrayLike<number>): void {
    if (typeof tokens === 'number') {
      this.#automaton.extend(tokens);
      return;
    }
    for (let i = 0; i < tokens.length; i++) this.#automaton.extend(tokens[i] ?? -1);
  }

  /**
   * Copies from behind the last earlier occurrence of the longest repeated end of the text, where that has 3 tokens or
   * more. A copy that reaches the end of the text goes on with itself, so that a loop is continued round and round.
   * @param limit most tokens to propose; beyond that min(16, 2 · matchLength) are the most
   */
  propose(limit: number): Copy {
    return this.#copy(this.#automaton.repeat(), none, limit);
  }

  /**
   * What `propose` would copy if `ids` were committed as well, for lengthening another draft. Nothing is changed.
   * Occurrences are looked for in the committed text only: finding those within `ids` would need a text that can
   * shrink again.
   * @param ids proposed tokens that follow the committed ones
   * @param limit as in `propose`, not counting `ids`
   */
  continueAfter(ids: readonly number[], limit: number): Copy {
    if (ids.some(id => this.#eog.has(id))) return { ids: [], matchLength: 0 };
    return this.#copy(this.#automaton.repeat(ids), ids, limit);
  }

  #copy(repeat: Repeat, after: readonly number[], limit: number): Copy {
    const { length: matchLength, end } = repeat;
    const ids: number[] = [];
    if (matchLength < LEAST_MATCH) return { ids, matchLength };
    const most = copiedLength(matchLength, limit);
    const ownStart = this.length + after.length;
    for (let index = end + 1; ids.length < most; index++) {
      const id = index < ownStart ? this.#at(index, after) : (ids[index - ownStart] ?? -1);
      ids.push(id);
      if (this.#eog.has(id)) break;
    }
    return { ids, matchLength };
  }

  #at(index: number, after: readonly number[]): number {
    return index < this.length ? this.#automaton.at(index) : (after[index - this.length] ?? -1);
  }
}
