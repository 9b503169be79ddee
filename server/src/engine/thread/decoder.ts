/** What a stream or a draft chain needs of the context of its model; a test can bring a table instead of a model. */
export interface Decoder {
  readonly batch: Rows;
  /** Logits of one output row of the last decode: a view that the next decode overwrites. */
  row(output: number): Float32Array;
  /** Forgets a sequence from a position on. */
  trim(sequence: number, from: number): boolean;
}

/** The batch being filled. */
export interface Rows {
  /** Rows that still fit. */
  readonly room: number;
  /** Rows with logits that still fit. */
  readonly outputRoom: number;
  /** Adds one token of one sequence; returns the number of its output row, or -1 when its logits are not wanted. */
  add(token: number, position: number, sequence: number, wanted: boolean): number;
}

/** When a tick began and when its pass ran, in whole microseconds of a monotonic clock. */
export interface TickTimes {
  readonly tickStartUs: number;
  readonly decodeStartUs: number;
  readonly decodeEndUs: number;
  /** Rows of the whole batch. */
  readonly rows: number;
  /** Streams of this target with rows in the batch. */
  readonly streams: number;
  /** Whether the batch held rows of prompts or of draft chains as well. */
  readonly mixed: boolean;
}

/** The monotonic clock of all step times, in whole microseconds, so that durations add up exactly. */
export function nowUs(): number {
  return Math.floor(performance.now() * 1000);
}

/** Token ids that only grow at the end and are cut at the end. */
export class TokenList {
  #ids: Int32Array;
  #length = 0;

  constructor(ids: ArrayLike<number>) {
    this.#ids = new Int32Array(Math.max(64, ids.length * 2));
    this.#ids.set(ids);
    this.#length = ids.length;
  }

  get length(): number {
    return this.#length;
  }

  /** The id at an index; -1 outside. */
  at(index: number): number {
    return index < this.#length ? (this.#ids[index] ?? -1) : -1;
  }

  push(id: number): void {
    if (this.#length === this.#ids.length) {
      const grown = new Int32Array(this.#length * 2);
      grown.set(this.#ids);
      this.#ids = grown;
    }
    this.#ids[this.#length++] = id;
  }

  /** Forgets what lies at and behind an index. */
  truncate(length: number): void {
    this.#length = Math.min(this.#length, length);
  }

  /** Ids from an index on, copied. */
  slice(from: number): number[] {
    return Array.from(this.#ids.subarray(from, this.#length));
  }
}
