/** Tokens that followed an earlier occurrence of what a text ends with. */
export interface Copy {
  /** The proposed token ids; empty where no occurrence is long enough. */
  readonly ids: number[];
  /** Tokens that the text and the earlier occurrence have in common. */
  readonly matchLength: number;
}

const MOST_COPIED = 16;

/** Tokens that a match is good for: two for each that matched, 16 and `limit` at most. */
export function copiedLength(matchLength: number, limit: number): number {
  return Math.min(MOST_COPIED, 2 * matchLength, limit);
}
