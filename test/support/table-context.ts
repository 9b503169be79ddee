import { type SchedulerContext } from '../../server/src/engine/thread/scheduler.js';

/** Logits after a prefix; a model small enough to be enumerated. */
export type Table = (prefix: readonly number[]) => Float32Array;

interface Row {
  readonly token: number;
  readonly position: number;
  readonly sequence: number;
  readonly wanted: boolean;
}

/** One cell of KV: sequences that share a prefix hold the same ones. */
interface Cell {
  readonly token: number;
}

/**
 * A context over a table instead of a model. It keeps what every sequence holds and throws where the real one would answer
 * wrongly: a gap, a position evaluated twice, a copy over something or of what is not there, too many rows.
 */
export class TableContext {
  readonly #table: Table;
  readonly #maxRows: number;
  readonly #maxOutputs: number;
  readonly #cells: number;
  readonly #sequences = new Map<number, Cell[]>();
  #rows: Row[] = [];
  #logits: Float32Array[] = [];
  /** Rows evaluated so far. */
  evaluated = 0;
  /** Whether the next pass is given up: it evaluates nothing. */
  abortNext = false;

  /** @param cells a pass that does not fit is refused */
  constructor(table: Table, maxRows = 32, maxOutputs = 16, cells = Number.MAX_SAFE_INTEGER) {
    this.#table = table;
    this.#maxRows = maxRows;
    this.#maxOutputs = maxOutputs;
    this.#cells = cells;
  }

  /** As the scheduler sees it. */
  get context(): SchedulerContext & { row(output: number): Float32Array } {
    // The scheduler uses nothing of the batch but what stands here.
    return {
      batch: this.#batch(),
      decode: () => this.#decode(),
      cells: this.#cells,
      trim: (sequence: number, from: number) => this.#trim(sequence, from),
      copy: (source: number, target: number, length: number) => this.#copy(source, target, length),
      firstPosition: (sequence: number) => (this.held(sequence).length === 0 ? -1 : 0),
      row: (output: number) => this.#logits[output] ?? new Float32Array(0),
    } as unknown as SchedulerContext & { row(output: number): Float32Array };
  }

  /** Tokens that a sequence holds. */
  held(sequence: number): readonly number[] {
    return (this.#sequences.get(sequence) ?? []).map(({ token }) => token);
  }

  /** Positions of all sequences. */
  get positions(): number {
    return [...this.#sequences.values()].reduce((sum, cells) => sum + cells.length, 0);
  }

  /** Cells in use. */
  get used(): number {
    return new Set([...this.#sequences.values()].flat()).size;
  }

  #batch(): object {
    const rows = (): Row[] => this.#rows;
    const outputs = (): number => rows().filter(row => row.wanted).length;
    const maxRows = this.#maxRows;
    const maxOutputs = this.#maxOutputs;
    return {
      clear: () => {
        this.#rows = [];
      },
      get rows() {
        return rows().length;
      },
      get room() {
        return maxRows - rows().length;
      },
      get outputRoom() {
        return Math.min(maxRows - rows().length, maxOutputs - outputs());
      },
      add: (token: number, position: number, sequence: number, wanted: boolean) => {
        if (rows().length === maxRows) throw new Error('batch is full');
        if (wanted && outputs() === maxOutputs) throw new Error('no output row is left');
        this.#rows.push({ token, position, sequence, wanted });
        return wanted ? outputs() - 1 : -1;
      },
    };
  }

  #decode(): number {
    this.#logits = [];
    if (this.abortNext) {
      this.abortNext = false;
      return 2;
    }
    if (this.used + this.#rows.length > this.#cells) return 1;
    for (const { token, position, sequence, wanted } of this.#rows) {
      const held = this.#sequences.get(sequence) ?? [];
      if (held.length !== position)
        throw new Error(
          `sequence ${sequence} holds ${held.length} positions, row is at ${position}`,
        );
      held.push({ token });
      this.#sequences.set(sequence, held);
      this.evaluated++;
      if (wanted) this.#logits.push(this.#table(this.held(sequence)));
    }
    return 0;
  }

  #copy(source: number, target: number, length: number): void {
    const cells = (this.#sequences.get(source) ?? []).slice(0, length);
    if (cells.length < length) throw new Error(`sequence ${source} holds less than ${length}`);
    if (this.held(target).length > 0) throw new Error(`sequence ${target} is not empty`);
    this.#sequences.set(target, cells);
  }

  #trim(sequence: number, from: number): boolean {
    const held = this.#sequences.get(sequence);
    if (held !== undefined) held.length = Math.min(held.length, from);
    return true;
  }
}

/** A table of pseudo-random logits that depend on the whole prefix. */
export function hashTable(size: number, seed: number, spread = 3): Table {
  return prefix => {
    let state = seed | 0;
    for (const token of prefix)
      state = Math.imul(state ^ (token + 0x9e37), 0x85ebca6b) ^ (state >>> 13);
    return Float32Array.from({ length: size }, (_, token) => {
      let bits = Math.imul(state ^ Math.imul(token + 1, 0xc2b2ae35), 0x27d4eb2f);
      bits ^= bits >>> 15;
      return ((bits >>> 8) / 2 ** 24) * spread;
    });
  };
}

/** A table that mostly agrees with another one. */
export function blend(one: Table, other: Table, share: number): Table {
  return prefix => {
    const [a, b] = [one(prefix), other(prefix)];
    return a.map((logit, token) => logit * (1 - share) + (b[token] ?? 0) * share);
  };
}
