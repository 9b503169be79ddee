import { BonusToken } from '@outrider/sdk/proto';

/** What a verification decided. */
export interface Verdict {
  /** The target's choices: the accepted drafts, then its own token unless `bonus` is NONE. */
  readonly tokens: number[];
  /** Drafted tokens that were accepted. */
  readonly accepted: number;
  /** BONUS: every draft was accepted. CORRECTION: the last token replaces a draft. NONE: an accepted draft ended the text. */
  readonly bonus: BonusToken;
}

/**
 * Verifies drafted tokens by comparison: each is accepted while it is what the target chooses in its place. Stops at
 * the first that is not, or at an accepted one that ends the text.
 * @param choose the target's choice for row `index`, 0 to `drafted.length`. Called in order, once per row, up to the
 *   end of the walk; it advances the state of the stream by what it returns
 * @param endsText whether a token ends the text
 */
export function walk(
  drafted: readonly number[] | Int32Array,
  choose: (index: number) => number,
  endsText: (token: number) => boolean,
): Verdict {
  const tokens: number[] = [];
  for (let index = 0; index < drafted.length; index++) {
    const token = choose(index);
    tokens.push(token);
    if (token !== drafted[index]) {
      return { tokens, accepted: index, bonus: BonusToken.CORRECTION };
    }
    if (endsText(token)) return { tokens, accepted: index + 1, bonus: BonusToken.NONE };
  }
  tokens.push(choose(drafted.length));
  return { tokens, accepted: drafted.length, bonus: BonusToken.BONUS };
}

/** What a walk by dice asks of its stream. Each is called in order, for rows from 0 up. */
export interface DiceWalk {
  /** Whether the die of row `index` falls for the drafted token. */
  readonly accepts: (index: number) => boolean;
  /** The target's choice for row `index`, once, where the walk ends; it advances the state of the stream by it. */
  readonly choose: (index: number) => number;
  /** Advances the state of the stream by a token that was accepted. */
  readonly take: (token: number) => void;
  /** Whether a token ends the text; such a one is never accepted. */
  readonly endsText: (token: number) => boolean;
}

/** As `walk`, but each drafted token is accepted by a die. A correction may then be the very token that was refused. */
export function walkByDice(drafted: readonly number[], stream: DiceWalk): Verdict {
  const tokens: number[] = [];
  for (const [index, token] of drafted.entries()) {
    if (stream.endsText(token) || !stream.accepts(index)) {
      tokens.push(stream.choose(index));
      return { tokens, accepted: index, bonus: BonusToken.CORRECTION };
    }
    stream.take(token);
    tokens.push(token);
  }
  tokens.push(stream.choose(drafted.length));
  return { tokens, accepted: drafted.length, bonus: BonusToken.BONUS };
}
