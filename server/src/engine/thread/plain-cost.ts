const weight = 0.1;

/** Running mean of what one plain step of a lone stream takes on a model, in microseconds. */
export class PlainCost {
  #us: number | undefined;

  /** @param us cost measured at load; unset: not known until a plain step was seen */
  constructor(us?: number) {
    this.#us = us;
  }

  /** Unset until known. */
  get us(): number | undefined {
    return this.#us;
  }

  /** Takes one plain step. */
  observe(us: number): void {
    this.#us = this.#us === undefined ? us : this.#us + weight * (us - this.#us);
  }
}
