/** Bytes of a flag: the head of a ggml tensor, whose dimensions stand at bytes 16, 24, 32 and 40. */
export const abortFlagBytes = 64;

const busy = 0;
const firstDimension = 4;
const dimensions = [4, 6, 8, 10];

/**
 * How a target gives up a pass of its draft that can only be wrong. llama.cpp asks a native callback after every node of a CPU
 * pass: ggml_is_empty, which looks whether one of a tensor's dimensions is 0. The flag is made up as such a tensor.
 */
export class AbortFlag {
  readonly #words: Int32Array;

  /** @param buffer `abortFlagBytes` long, shared with whoever may abort */
  constructor(buffer: SharedArrayBuffer) {
    this.#words = new Int32Array(buffer);
  }

  /** For the thread that computes, before a pass: whose it is, if it is a single stream's and may be given up. */
  begin(stream: number | undefined): void {
    for (const word of dimensions) Atomics.store(this.#words, word, 1);
    Atomics.store(this.#words, busy, stream === undefined ? 0 : stream + 1);
  }

  /** For the thread that computes, after a pass. */
  end(): void {
    Atomics.store(this.#words, busy, 0);
  }

  /** For another thread: gives the pass up that is under way if it is that stream's. Too late, it costs a repeated pass. */
  abort(stream: number): void {
    if (Atomics.load(this.#words, busy) !== stream + 1) return;
    Atomics.store(this.#words, firstDimension, 0);
  }
}
