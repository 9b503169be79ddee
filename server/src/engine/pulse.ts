import { type EnginePulse } from './protocol.js';
import { type Beat } from './thread/heartbeat.js';

/** A model thread whose work can be watched. */
export interface Beating {
  readonly name: string;
  /** Undefined while it sleeps. */
  readonly beat: Beat | undefined;
  /** Settles when the thread is done with its model. */
  readonly over: Promise<void>;
}

/** The threads of an engine process from their load to their end, one that is being unloaded included. */
export class Pulse {
  readonly #threads = new Set<Beating>();

  /** Takes a thread up until it is done with its model. */
  follow(thread: Beating): void {
    this.#threads.add(thread);
    void thread.over.then(() => this.#threads.delete(thread));
  }

  /** Who is at work now. */
  read(): EnginePulse {
    const busy = [...this.#threads].flatMap(({ name: model, beat }) =>
      beat === undefined ? [] : [{ model, ...beat }],
    );
    return { busy };
  }
}
