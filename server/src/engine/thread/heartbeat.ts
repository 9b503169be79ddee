import { gauge } from './messages.js';

/** A model thread at work: its present round, and the pass in it. */
export interface Beat {
  /** Another one in every round. */
  readonly round: number;
  /** Rows of the pass that is under way; 0 between passes. */
  readonly rows: number;
}

/**
 * A thread's sign of life in its shared gauges. It counts rounds instead of telling the time, so that a reader judges by its
 * own clock, and a machine that sleeps stops both. Odd: at work; even: asleep, or not serving yet.
 */
export class Heartbeat {
  readonly #gauges: Int32Array;

  constructor(gauges: SharedArrayBuffer) {
    this.#gauges = new Int32Array(gauges);
  }

  /** A round begins. */
  awake(): void {
    const last = Atomics.load(this.#gauges, gauge.round);
    Atomics.store(this.#gauges, gauge.rows, 0);
    Atomics.store(this.#gauges, gauge.round, last % 2 === 0 ? last + 1 : last + 2);
  }

  /** A pass of so many rows begins. */
  pass(rows: number): void {
    Atomics.store(this.#gauges, gauge.rows, rows);
  }

  /** There is nothing to do. */
  asleep(): void {
    Atomics.add(this.#gauges, gauge.round, 1);
  }
}

/** What a thread is at, read from any other; undefined while it sleeps or loads. */
export function readBeat(gauges: SharedArrayBuffer): Beat | undefined {
  const words = new Int32Array(gauges);
  const round = Atomics.load(words, gauge.round);
  return round % 2 === 0 ? undefined : { round, rows: Atomics.load(words, gauge.rows) };
}
