import { type EnginePulse } from './protocol.js';

/** Something in an engine that does not move on. */
export interface Stall {
  /** The model whose thread it is; undefined: the process itself does not answer. */
  readonly model: string | undefined;
  /** For how long, in milliseconds in which somebody looked. */
  readonly forMs: number;
  /** How many bounds it may take: one for every 64 rows of its pass that were begun. */
  readonly allowance: number;
}

// So that a long prompt on a slow CPU is given the time that it needs.
const rowsOfOneBound = 64;

/** Tells for how long each thread of an engine process has been in the same round, from one pulse to the next. */
export class StallClock {
  #silentMs = 0;
  #threads = new Map<string, { readonly round: number; readonly stall: Stall }>();

  /**
   * Takes in what was heard in the time since the last call; undefined: nothing.
   * @returns whoever has not moved since
   */
  advance(elapsedMs: number, pulse: EnginePulse | undefined): readonly Stall[] {
    if (pulse === undefined) {
      this.#silentMs += elapsedMs;
      return [{ model: undefined, forMs: this.#silentMs, allowance: 1 }];
    }
    const sinceMs = this.#silentMs + elapsedMs;
    this.#silentMs = 0;
    const before = this.#threads;
    this.#threads = new Map(
      pulse.busy.map(({ model, round, rows }) => {
        const last = before.get(model);
        const forMs = last?.round === round ? last.stall.forMs + sinceMs : 0;
        const allowance = Math.max(1, Math.ceil(rows / rowsOfOneBound));
        return [model, { round, stall: { model, forMs, allowance } }];
      }),
    );
    return [...this.#threads.values()].map(({ stall }) => stall).filter(({ forMs }) => forMs > 0);
  }
}
