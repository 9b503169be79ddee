/** What a token released. */
export interface Released {
  /** Valid text, perhaps empty. */
  readonly text: string;
  /** The stop string that ended the text with this token. */
  readonly matchedStop?: string;
}

/** A stop string and how much of it the text so far ends with. */
interface Watched {
  readonly stop: string;
  /** `fallback[n]` = the longest start of `stop`, shorter than n + 1, that its first n + 1 units end with. */
  readonly fallback: readonly number[];
  matched: number;
}

/**
 * Turns the bytes of tokens into text while they come. Held back are the bytes of an unfinished character (U+FFFD
 * once it can no longer become valid) and the longest tail that may still become a stop string. A byte order mark is
 * text like any other.
 */
export class TokenText {
  readonly #decoder = new TextDecoder('utf-8', { ignoreBOM: true });
  readonly #watched: readonly Watched[];
  #held = '';
  #matchedStop: string | undefined;

  /**
   * @param stop strings that end the text, none of them empty. The match that ends first wins, then the longest
   * @throws RangeError where one is empty
   */
  constructor(stop: readonly string[]) {
    if (stop.includes(''))
      throw new RangeError('a stop string is empty; it would match everywhere');
    this.#watched = stop.map(text => ({ stop: text, fallback: fallbacks(text), matched: 0 }));
  }

  /** The stop string that ended the text; unset while none did. */
  get matchedStop(): string | undefined {
    return this.#matchedStop;
  }

  /**
   * Takes the bytes of the next token.
   * @throws Error where a stop string has ended the text already
   */
  push(piece: Uint8Array): Released {
    if (this.#matchedStop !== undefined) {
      throw new Error('a stop string has ended the text; no token can follow');
    }
    return this.#release(this.#decoder.decode(piece, { stream: true }));
  }

  /**
   * What is left at the end, an unfinished character as U+FFFD; empty after a match. Should that U+FFFD complete a
   * stop string, the text ends before it and `matchedStop` tells. Nothing can be pushed afterwards.
   */
  flush(): string {
    if (this.#matchedStop !== undefined) return '';
    const { text } = this.#release(this.#decoder.decode());
    const rest = this.#held;
    this.#held = '';
    return text + rest;
  }

  /** Adds text to what is held, and takes out what can no longer belong to a stop string. */
  #release(added: string): Released {
    const text = this.#held + added;
    let pending = this.#held.length;
    for (let i = this.#held.length; i < text.length; i++) {
      const unit = text.charCodeAt(i);
      let complete: string | undefined;
      pending = 0;
      for (const watched of this.#watched) {
        advance(watched, unit);
        pending = Math.max(pending, watched.matched);
        if (watched.matched < watched.stop.length) continue;
        if (watched.stop.length > (complete?.length ?? 0)) complete = watched.stop;
      }
      if (complete !== undefined) {
        this.#matchedStop = complete;
        this.#held = '';
        return { text: text.slice(0, i + 1 - complete.length), matchedStop: complete };
      }
    }
    this.#held = text.slice(text.length - pending);
    return { text: text.slice(0, text.length - pending) };
  }
}

function advance(watched: Watched, unit: number): void {
  const { stop, fallback } = watched;
  let matched = watched.matched;
  while (matched > 0 && stop.charCodeAt(matched) !== unit) matched = fallback[matched - 1] ?? 0;
  watched.matched = stop.charCodeAt(matched) === unit ? matched + 1 : 0;
}

function fallbacks(stop: string): number[] {
  const fallback = [0];
  let matched = 0;
  for (let i = 1; i < stop.length; i++) {
    const unit = stop.charCodeAt(i);
    while (matched > 0 && stop.charCodeAt(matched) !== unit) matched = fallback[matched - 1] ?? 0;
    if (stop.charCodeAt(matched) === unit) matched++;
    fallback.push(matched);
  }
  return fallback;
}
