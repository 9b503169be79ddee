import { createHash } from 'node:crypto';
import { CodedError } from '../../coded-error.js';
import { type LlamaFunctions } from './functions.js';
import { type Pointer } from './structs.js';

/** What decides whether two vocabularies may pair, besides their texts. */
export interface VocabularyFacts {
  /** `enum llama_vocab_type`. */
  readonly type: number;
  readonly size: number;
  readonly addBos: boolean;
  readonly bos: number;
  readonly addEos: boolean;
  readonly eos: number;
  /** Lower-case hex SHA-256 over type, special ids and every token's text and attributes. */
  readonly fingerprint: string;
}

const vocabularyType = { none: 0, sentencePiece: 1, bpe: 2, unigram: 4 } as const;
const tokenOverflow = -(2 ** 31);

/** The vocabulary of a loaded model: text to ids and ids to bytes. Belongs to the model's thread. */
export class Vocabulary {
  readonly facts: VocabularyFacts;
  /** Ids that end the text. */
  readonly eogIds: readonly number[];
  readonly #llama: LlamaFunctions;
  readonly #vocab: Pointer;
  readonly #texts: readonly string[];
  readonly #pieces = new Map<number, Uint8Array>();
  #buffer = new Uint8Array(256);

  /** @throws CodedError BAD_MODEL_FILE for a model without a vocabulary */
  constructor(llama: LlamaFunctions, vocab: Pointer) {
    this.#llama = llama;
    this.#vocab = vocab;
    // llama.cpp aborts when it is asked for the tokens of a vocabulary that has none.
    if (llama.llama_vocab_type(vocab) === vocabularyType.none)
      throw new CodedError(
        'BAD_MODEL_FILE',
        'the model has no vocabulary, so it cannot read or write text',
      );
    const size = llama.llama_vocab_n_tokens(vocab);
    this.#texts = Array.from({ length: size }, (_, id) => llama.llama_vocab_get_text(vocab, id));
    this.facts = this.#readFacts(size);
    this.eogIds = this.#texts.flatMap((_, id) => (llama.llama_vocab_is_eog(vocab, id) ? [id] : []));
  }

  /** Raw text of every token, by id. */
  get texts(): readonly string[] {
    return this.#texts;
  }

  /**
   * Refuses a vocabulary that cannot write every byte: llama.cpp would abort the process at the first character it lacks.
   * @throws CodedError BAD_MODEL_FILE
   */
  requireBytes(): void {
    const missing = this.#missingByte();
    if (missing !== undefined)
      throw new CodedError(
        'BAD_MODEL_FILE',
        `the vocabulary has no token for byte 0x${hexOf(missing)}, so some text cannot be tokenized`,
      );
  }

  /** Ids of a text. */
  tokenize(text: string, addSpecial: boolean, parseSpecial: boolean): Uint32Array {
    const bytes = new TextEncoder().encode(text);
    let tokens = new Int32Array(bytes.length + 8);
    for (;;) {
      const count = this.#llama.llama_tokenize(
        this.#vocab,
        bytes,
        bytes.length,
        tokens,
        tokens.length,
        addSpecial,
        parseSpecial,
      );
      if (count === tokenOverflow)
        throw new CodedError('CONTEXT_EXCEEDED', 'the text has more tokens than can be counted');
      if (count >= 0) return Uint32Array.from(tokens.subarray(0, count));
      tokens = new Int32Array(-count);
    }
  }

  /** Bytes of one token; special tokens have none unless they are to be rendered. */
  piece(id: number, renderSpecial = false): Uint8Array {
    const cached = renderSpecial ? undefined : this.#pieces.get(id);
    if (cached !== undefined) return cached;
    const piece = this.#readPiece(id, renderSpecial);
    if (!renderSpecial) this.#pieces.set(id, piece);
    return piece;
  }

  /** Text of some ids; broken characters become U+FFFD. */
  detokenize(ids: readonly number[], renderSpecial: boolean): string {
    const pieces = ids.map(id => this.piece(id, renderSpecial));
    return new TextDecoder('utf-8', { ignoreBOM: true }).decode(Buffer.concat(pieces));
  }

  #readPiece(id: number, renderSpecial: boolean): Uint8Array {
    for (;;) {
      const size = this.#llama.llama_token_to_piece(
        this.#vocab,
        id,
        this.#buffer,
        this.#buffer.length,
        0,
        renderSpecial,
      );
      if (size >= 0) return this.#buffer.slice(0, size);
      this.#buffer = new Uint8Array(-size);
    }
  }

  #readFacts(size: number): VocabularyFacts {
    const llama = this.#llama;
    const vocab = this.#vocab;
    const facts = {
      type: llama.llama_vocab_type(vocab),
      size,
      addBos: llama.llama_vocab_get_add_bos(vocab),
      bos: llama.llama_vocab_bos(vocab),
      addEos: llama.llama_vocab_get_add_eos(vocab),
      eos: llama.llama_vocab_eos(vocab),
    };
    const hash = createHash('sha256').update(JSON.stringify(facts));
    for (const [id, text] of this.#texts.entries())
      hash.update(`\0${text}\0${llama.llama_vocab_get_attr(vocab, id)}`);
    return { ...facts, fingerprint: hash.digest('hex') };
  }

  #missingByte(): number | undefined {
    const has = new Set(this.#texts);
    const named = (byte: number): boolean => has.has(`<0x${hexOf(byte)}>`);
    const bare = (byte: number): boolean =>
      named(byte) || (byte < 128 && has.has(String.fromCharCode(byte)));
    const mapped = (byte: number): boolean => has.has(bpeCharacter(byte));
    const firstLacking = (writes: (byte: number) => boolean): number | undefined =>
      allBytes.find(byte => !writes(byte));
    switch (this.facts.type) {
      case vocabularyType.bpe: {
        // Some BPE vocabularies name their bytes instead of mapping them to characters.
        const lacking = firstLacking(mapped);
        return lacking !== undefined && firstLacking(named) === undefined ? undefined : lacking;
      }
      case vocabularyType.sentencePiece:
      case vocabularyType.unigram:
        return firstLacking(bare);
      default:
        return undefined;
    }
  }
}

const allBytes = Array.from({ length: 256 }, (_, byte) => byte);

function hexOf(byte: number): string {
  return byte.toString(16).toUpperCase().padStart(2, '0');
}

/** The character that stands for a byte in byte-level BPE vocabularies: printable ones stand for themselves, the rest follow from U+0100. */
function bpeCharacter(byte: number): string {
  const printable = (value: number): boolean =>
    (value >= 0x21 && value <= 0x7e) || (value >= 0xa1 && value <= 0xac) || value >= 0xae;
  if (printable(byte)) return String.fromCharCode(byte);
  let shift = 0;
  for (let value = 0; value < byte; value++) if (!printable(value)) shift++;
  return String.fromCharCode(0x100 + shift);
}
