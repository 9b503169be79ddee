/**
 * Events of one stream between the engine, which pushes, and its reader, which pulls. Bounded: a reader that is further behind
 * than `most` events has stalled.
 */
export class EventQueue<Event> {
  readonly #events: Event[] = [];
  readonly #most: number;
  #wake: (() => void) | undefined;

  /** @param most events that may wait */
  constructor(most: number) {
    this.#most = most;
  }

  /** Adds an event; false when it was one too many and was not added. */
  push(event: Event): boolean {
    if (this.#events.length >= this.#most) return false;
    this.#add(event);
    return true;
  }

  /** Drops what waits and adds the last event, which always fits. */
  pushLast(event: Event): void {
    this.#events.length = 0;
    this.#add(event);
  }

  /** The next event, when there is one. */
  async next(): Promise<Event> {
    for (;;) {
      const event = this.#events.shift();
      if (event !== undefined) return event;
      await new Promise<void>(resolve => {
        this.#wake = resolve;
      });
    }
  }

  #add(event: Event): void {
    this.#events.push(event);
    this.#wake?.();
    this.#wake = undefined;
  }
}
