/** Counts, per model, the engine deaths that happened while it was loading or decoding. */
export class CrashLedger {
  readonly #deaths = new Map<string, number[]>();
  readonly #blamed = new Set<string>();

  readonly #nowMs: () => number;

  constructor(nowMs: () => number) {
    this.#nowMs = nowMs;
  }

  /** A new engine process is up: from here on another death is another one. */
  nextProcess(): void {
    this.#blamed.clear();
  }

  /** Notes that a model was at work when the present process died. Counts once per process. */
  blame(model: string): void {
    if (this.#blamed.has(model)) return;
    this.#blamed.add(model);
    this.#deaths.set(model, [...this.#recent(model), this.#nowMs()]);
  }

  /** The model was at work when the last process died, and no new one is up. */
  suspects(model: string): boolean {
    return this.#blamed.has(model);
  }

  /** The model was at work at three deaths within the last minute. */
  condemns(model: string): boolean {
    return this.#recent(model).length >= MOST_DEATHS;
  }

  /** Starts anew with a model that was loaded on request. */
  forget(model: string): void {
    this.#deaths.delete(model);
  }

  #recent(model: string): number[] {
    const since = this.#nowMs() - WINDOW_MS;
    return (this.#deaths.get(model) ?? []).filter(at => at > since);
  }
}

const MOST_DEATHS = 3;
const WINDOW_MS = 60_000;
