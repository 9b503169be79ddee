import { FinishReason, type Token } from '@outrider/sdk/proto';
import { type GenerateSpec } from '../protocol.js';
import { logNormaliser, tokenLogprob, topLogprobs } from '../sampling/logprobs.js';
import { TokenText } from '../sampling/token-text.js';

/** Bytes and meaning of ids; a model's vocabulary, or a table in a test. */
export interface Pieces {
  readonly eogIds: readonly number[];
  /** Bytes of one token; none for special tokens. */
  piece(id: number): Uint8Array;
}

/** What became output of the tokens of one step. */
export interface Emitted {
  /** At least one. */
  readonly tokens: Token[];
  /** Set when the stream ends with them. */
  readonly finish?: { readonly reason: FinishReason; readonly matchedStop: string };
}

/** Turns committed ids into the caller's tokens: text as valid UTF-8, stop strings, limits, log probabilities. */
export class Output {
  readonly #spec: GenerateSpec;
  readonly #pieces: Pieces;
  readonly #eog: ReadonlySet<number>;
  readonly #text: TokenText;
  readonly #contextLength: number;
  #completionTokens = 0;

  constructor(spec: GenerateSpec, pieces: Pieces, contextLength: number) {
    this.#spec = spec;
    this.#pieces = pieces;
    this.#eog = new Set(pieces.eogIds);
    this.#text = new TokenText(spec.stop);
    this.#contextLength = contextLength;
  }

  /** Tokens sent so far. */
  get completionTokens(): number {
    return this.#completionTokens;
  }

  /** Tokens that may still be sent before `max_tokens`, and before the context is full. */
  get left(): { readonly tokens: number; readonly context: number } {
    return {
      tokens: this.#spec.maxTokens - this.#completionTokens,
      context: this.#contextLength - this.#spec.promptIds.length - this.#completionTokens,
    };
  }

  /** Whether a token ends the text. */
  readonly endsText = (id: number): boolean => this.#eog.has(id);

  /**
   * Sends the ids of one step, as far as no stop string ends them.
   * @param accepted how many of them, from the first, were drafted
   * @param describe fills in what is known of the i-th id besides its text
   */
  emit(
    ids: readonly number[],
    accepted: number,
    describe: (index: number) => Partial<Token>,
  ): Emitted {
    const tokens: Token[] = [];
    for (const [index, id] of ids.entries()) {
      const { text, matchedStop } = this.#text.push(this.#pieces.piece(id));
      const token = { id, text, fromDraft: index < accepted, topLogprobs: [], ...describe(index) };
      tokens.push(token);
      this.#completionTokens++;
      if (matchedStop !== undefined)
        return { tokens, finish: { reason: FinishReason.STOP, matchedStop } };
      const reason = this.#endedBy(id);
      if (reason === undefined) continue;
      token.text += this.#text.flush();
      return { tokens, finish: { reason, matchedStop: '' } };
    }
    return { tokens };
  }

  /** Log probabilities of a choice in the target's own distribution, as far as they were asked for. */
  logprobs(row: Float32Array, id: number): Partial<Token> {
    if (this.#spec.logprobs === undefined) return {};
    const normaliser = logNormaliser(row);
    return {
      logprob: tokenLogprob(row, id, normaliser),
      topLogprobs: topLogprobs(row, this.#spec.logprobs, normaliser).map(top => ({
        ...top,
        text: this.textOf(top.id),
      })),
    };
  }

  /** A token's text alone, broken characters as U+FFFD. */
  textOf(id: number): string {
    return new TextDecoder('utf-8', { ignoreBOM: true }).decode(this.#pieces.piece(id));
  }

  #endedBy(id: number): FinishReason | undefined {
    if (this.endsText(id) && !this.#spec.sampling.ignoreEos) return FinishReason.END_OF_TEXT;
    if (this.left.tokens === 0) return FinishReason.LENGTH;
    if (this.left.context === 0) return FinishReason.CONTEXT;
    return undefined;
  }
}
