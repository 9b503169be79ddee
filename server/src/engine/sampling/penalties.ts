/** How tokens that occurred lately are made less likely. */
export interface Penalties {
  /** Divides positive scores and multiplies the others; 1 is off. */
  readonly repetition: number;
  /** Subtracted once from the score of a token that occurred. */
  readonly presence: number;
  /** Subtracted for each occurrence. */
  readonly frequency: number;
  /** Tokens looked back on, prompt included; 0 is none. */
  readonly lastN: number;
}

const LARGEST_SCORE = 3.4028234663852886e38;

/**
 * Counts of the last N tokens of prompt and output, and the penalties that follow from them.
 * Tokens may be taken back in any number, but never those of the prompt.
 */
export class PenaltyWindow {
  readonly #penalties: Penalties;
  readonly #counts = new Map<number, number>();
  readonly #promptLength: number;
  /** Index of `#tokens[0]`: of the prompt only its last N tokens can ever be in the window. */
  readonly #base: number;
  #tokens: Int32Array;
  #length: number;

  constructor(penalties: Penalties, promptIds: ArrayLike<number>) {
    this.#penalties = penalties;
    this.#promptLength = promptIds.length;
    this.#base = Math.max(0, promptIds.length - penalties.lastN);
    this.#length = this.#base;
    this.#tokens = new Int32Array(promptIds.length - this.#base + 256);
    for (let i = this.#base; i < promptIds.length; i++) this.push(promptIds[i] ?? 0);
  }

  /** Tokens seen, prompt included. */
  get length(): number {
    return this.#length;
  }

  /** Takes the next token of the stream. */
  push(token: number): void {
    const at = this.#length - this.#base;
    if (at === this.#tokens.length) {
      const larger = new Int32Array(at * 2);
      larger.set(this.#tokens);
      this.#tokens = larger;
    }
    this.#tokens[at] = token;
    this.#length++;
    this.#count(this.#length - 1, 1);
    this.#count(this.#length - 1 - this.#penalties.lastN, -1);
  }

  /**
   * Takes back the tokens from index `length` on.
   * @throws RangeError where that is more than there are tokens, or less than the prompt has
   */
  truncate(length: number): void {
    if (!(length >= this.#promptLength && length <= this.#length)) {
      throw new RangeError(
        `cannot truncate to ${length} tokens: the prompt has ${this.#promptLength}, the stream ${this.#length}`,
      );
    }
    while (this.#length > length) {
      this.#count(this.#length - 1, -1);
      this.#count(this.#length - 1 - this.#penalties.lastN, 1);
      this.#length--;
    }
  }

  /** Penalises, in place, the scores of the tokens in the window. Scores that are not finite stay as they are. */
  apply(scores: Float32Array): void {
    const { repetition, presence, frequency } = this.#penalties;
    for (const [token, count] of this.#counts) {
      const score = scores[token] ?? NaN;
      if (!Number.isFinite(score)) continue;
      const scaled = score > 0 ? score / repetition : score * repetition;
      const penalised = scaled - count * frequency - presence;
      // Out of range must stay finite: an overflow would turn a favoured token into one that is never chosen.
      scores[token] = Math.max(-LARGEST_SCORE, Math.min(LARGEST_SCORE, penalised));
    }
  }

  #count(index: number, change: number): void {
    const token = index < this.#base ? undefined : this.#tokens[index - this.#base];
    if (token === undefined) return;
    const count = (this.#counts.get(token) ?? 0) + change;
    if (count === 0) this.#counts.delete(token);
    else this.#counts.set(token, count);
  }
}
