/** What a model did when its engine died. */
export type Work = 'loading' | 'running';

/** Counts, per model, the engine deaths that happened while it was loading or decoding. */
export class CrashLedger {
  readonly #deaths = new Map<string, number[]>();
  readonly #lethalLoads = new Map<string, number>();
  readonly #blamed = new Map<string, Work>();

  readonly #nowMs: () => number;

  constructor(nowMs: () => number) {
    this.#nowMs = nowMs;
  }

  /** A new engine process is up: from here on another death is another one. */
  nextProcess(): void {
    for (const model of this.#blamed.keys()) this.#lethalLoads.set(model, this.#loadsInRow(model));
    this.#blamed.clear();
  }

  /** Notes that a model was at work when the present process died. Counts once per process. */
  blame(model: string, work: Work = 'running'): void {
    if (this.#blamed.has(model)) return;
    this.#blamed.set(model, work);
    this.#deaths.set(model, [...this.#recent(model), this.#nowMs()]);
  }

  /** The model was at work when the last process died, and no new one is up. */
  suspects(model: string): boolean {
    return this.#blamed.has(model);
  }

  /** The model was at work at three deaths within the last minute, or each of its last three loads ended the process. */
  condemns(model: string): boolean {
    return this.#recent(model).length >= MOST_DEATHS || this.#loadsInRow(model) >= MOST_DEATHS;
  }

  /** A load of the model went well. */
  loaded(model: string): void {
    this.#lethalLoads.delete(model);
  }

  /** Starts anew with a model that was loaded on request. */
  forget(model: string): void {
    this.#deaths.delete(model);
    this.#lethalLoads.delete(model);
  }

  /** Loads that the process died of, however long they took; not those beside others at work, which may have been it. */
  #loadsInRow(model: string): number {
    const alone = this.#blamed.size === 1 && this.#blamed.get(model) === 'loading';
    return (this.#lethalLoads.get(model) ?? 0) + Number(alone);
  }

  #recent(model: string): number[] {
    const since = this.#nowMs() - WINDOW_MS;
    return (this.#deaths.get(model) ?? []).filter(at => at > since);
  }
}

const MOST_DEATHS = 3;
const WINDOW_MS = 60_000;
