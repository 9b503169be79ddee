/** A model on a device of its own whose passes take a given time and whose tokens are dice. */
export interface SimulatedModel {
  /** Time of a pass by its rows: `first` for one, `further` for each row more, in milliseconds. */
  readonly firstMs: number;
  readonly furtherMs: number;
  /** Chance that its token is the target's: 1 for the target itself. */
  readonly agreement: number;
}

/** Ids of the simulated vocabulary. */
export const VOCABULARY = 64;

const SPIN_MS = 0.3;

/** As much of a context as a model's thread uses: the batch, one pass, its logits, and nothing of a cache. */
export class SimulatedDevice {
  readonly #model: SimulatedModel;
  readonly #sleeper = new Int32Array(new SharedArrayBuffer(4));
  readonly #positions: number[] = [];
  #rows = 0;
  readonly batch: {
    readonly rows: number;
    readonly room: number;
    readonly outputRoom: number;
    clear(): void;
    add(token: number, position: number, sequence: number, wanted: boolean): number;
  };

  /** @param maxRows most rows of one pass */
  constructor(model: SimulatedModel, maxRows: number) {
    this.#model = model;
    const rows = (): number => this.#rows;
    this.batch = {
      get rows() {
        return rows();
      },
      get room() {
        return maxRows - rows();
      },
      get outputRoom() {
        return maxRows - rows();
      },
      clear: () => {
        this.#rows = 0;
        this.#positions.length = 0;
      },
      add: (_token, position, _sequence, wanted) => {
        this.#rows++;
        return wanted ? this.#positions.push(position) - 1 : -1;
      },
    };
  }

  /** Takes its time; prompts are free, because they are no part of what is compared. */
  decode(prompt: boolean): number {
    const { firstMs, furtherMs } = this.#model;
    if (!prompt) this.#wait(firstMs + (this.#rows - 1) * furtherMs);
    return 0;
  }

  /** More than any stream needs. */
  readonly cells = Number.MAX_SAFE_INTEGER;

  trim(): boolean {
    return true;
  }

  copy(): void {
    throw new Error('a simulated device has no KV to copy');
  }

  firstPosition(): number {
    return -1;
  }

  /** The target's token depends on its position alone; a draft that disagrees has the one beside it. */
  row(output: number): Float32Array {
    const at = (this.#positions[output] ?? 0) + 1;
    const logits = new Float32Array(VOCABULARY);
    const right = Math.floor(dice(at, 1) * VOCABULARY);
    const agrees = dice(at, 2) < this.#model.agreement;
    logits[agrees ? right : (right + 1) % VOCABULARY] = 10;
    return logits;
  }

  /** A timer is too coarse for the end of a short pass. */
  #wait(ms: number): void {
    const end = performance.now() + ms;
    if (ms > SPIN_MS) Atomics.wait(this.#sleeper, 0, 0, ms - SPIN_MS);
    while (performance.now() < end);
  }
}

function dice(position: number, salt: number): number {
  let state = Math.imul(position, 0x9e3779b1) ^ Math.imul(salt, 0x85ebca6b);
  state = Math.imul(state ^ (state >>> 16), 0x85ebca6b);
  state = Math.imul(state ^ (state >>> 13), 0xc2b2ae35);
  return ((state ^ (state >>> 16)) >>> 0) / 2 ** 32;
}
