import { availableParallelism } from 'node:os';
import { endOpenMpTeam } from '../llama/openmp.js';

const shared = new SharedArrayBuffer(4);
// Long enough for every pause within a stream, short for a machine.
const idleMs = 50;

/** Where the compute threads of all models of a process are counted. */
export function computeTeams(): SharedArrayBuffer {
  return shared;
}

/** What a machine has, and how a team is ended; a test brings others. */
export interface TeamMachine {
  readonly processors: number;
  readonly end: () => void;
}

/**
 * The threads that compute beside a model's thread. Built with OpenMP, llama.cpp keeps them between passes. As soon as a
 * process has more of them than processors, libgomp lets every barrier of every team sleep in the kernel instead of
 * spinning (`gomp_managed_threads` above `gomp_available_cpus`): on two cores a pass then has 40 sleeps instead of 2, and
 * a pair with two threads each decodes at 0.7 of its speed. So a team is ended while its model waits: at once where the
 * teams are more than the processors, else after 50 ms. Making it again takes some 50 microseconds.
 */
export class ComputeTeam {
  readonly #count: Int32Array;
  readonly #threads: number;
  readonly #machine: TeamMachine;

  /**
   * Counts the threads until `leave`.
   * @param count of `computeTeams`
   * @param threads of a pass, the model's own thread among them
   */
  constructor(
    count: SharedArrayBuffer,
    threads: number,
    machine: TeamMachine = { processors: availableParallelism(), end: endOpenMpTeam },
  ) {
    this.#count = new Int32Array(count);
    this.#threads = threads;
    this.#machine = machine;
    Atomics.add(this.#count, 0, threads - 1);
  }

  /** How long the model may wait for work before the team is to be ended, in milliseconds; Infinity: there is none. */
  get patienceMs(): number {
    if (this.#threads === 1) return Infinity;
    return 1 + Atomics.load(this.#count, 0) > this.#machine.processors ? 0 : idleMs;
  }

  /** Ends the team; the next pass makes it again. */
  rest(): void {
    if (this.#threads > 1) this.#machine.end();
  }

  /** Ends the team for good. */
  leave(): void {
    this.rest();
    Atomics.sub(this.#count, 0, this.#threads - 1);
  }
}
