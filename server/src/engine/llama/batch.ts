import koffi from 'koffi';
import { type LlamaFunctions } from './functions.js';
import { type BatchStruct, type Pointer } from './structs.js';

/**
 * The rows of one `llama_decode`, written straight into the native arrays.
 * More rows than it was made for, or more outputs than the context was made for, would abort the process, so `add` throws first.
 */
export class Batch {
  readonly #llama: LlamaFunctions;
  readonly #struct: BatchStruct;
  readonly #tokens: Int32Array;
  readonly #positions: Int32Array;
  readonly #sequences: readonly Int32Array[];
  readonly #wanted: Int8Array;
  readonly #maxOutputs: number;
  #rows = 0;
  #outputs = 0;

  /**
   * @param maxRows rows of one decode, `n_batch` of the context
   * @param maxOutputs rows that may ask for logits, `n_outputs_max` of the context
   */
  constructor(llama: LlamaFunctions, maxRows: number, maxOutputs: number) {
    this.#llama = llama;
    this.#maxOutputs = maxOutputs;
    const struct = llama.llama_batch_init(maxRows, 0, 1);
    this.#struct = struct;
    this.#tokens = new Int32Array(koffi.view(struct.token, maxRows * 4));
    this.#positions = new Int32Array(koffi.view(struct.pos, maxRows * 4));
    this.#wanted = new Int8Array(koffi.view(struct.logits, maxRows));
    new Int32Array(koffi.view(struct.n_seq_id, maxRows * 4)).fill(1);
    const lists = new BigUint64Array(koffi.view(struct.seq_id, maxRows * 8));
    this.#sequences = Array.from(lists, list => new Int32Array(koffi.view(list, 4)));
  }

  /** Rows so far. */
  get rows(): number {
    return this.#rows;
  }

  /** Rows so far whose logits were asked for. */
  get outputs(): number {
    return this.#outputs;
  }

  /** Rows that still fit. */
  get room(): number {
    return this.#tokens.length - this.#rows;
  }

  /** Rows with logits that still fit. */
  get outputRoom(): number {
    return Math.min(this.room, this.#maxOutputs - this.#outputs);
  }

  /** Forgets every row. */
  clear(): void {
    this.#rows = 0;
    this.#outputs = 0;
  }

  /**
   * Adds one token of one sequence.
   * @param wanted whether its logits are needed
   * @returns number of its output row, or -1 when not wanted
   */
  add(token: number, position: number, sequence: number, wanted: boolean): number {
    const row = this.#rows;
    const list = this.#sequences[row];
    if (list === undefined) throw new Error(`batch is full at ${row} rows`);
    if (wanted && this.#outputs === this.#maxOutputs)
      throw new Error(`batch has all of its ${this.#maxOutputs} output rows`);
    this.#tokens[row] = token;
    this.#positions[row] = position;
    list[0] = sequence;
    this.#wanted[row] = wanted ? 1 : 0;
    this.#rows = row + 1;
    return wanted ? this.#outputs++ : -1;
  }

  /** Runs the rows through the context and returns llama.cpp's code: 0 done, 1 no free cells, 2 aborted, below 0 failed. */
  decode(context: Pointer): number {
    this.#struct.n_tokens = this.#rows;
    return this.#llama.llama_decode(context, this.#struct);
  }

  /** Frees the native arrays. */
  free(): void {
    this.#llama.llama_batch_free(this.#struct);
  }
}
