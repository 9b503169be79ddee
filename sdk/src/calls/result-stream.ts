import { CancelledError, IncompleteStreamError, StreamConsumedError } from '../errors/failures.js';
import { deferred } from './deferred.js';

/** What a {@link ResultStream} reads. */
export interface StreamSource<Event extends object, Result> {
  /** Starts the call; asked once, at the first use. */
  readonly open: (signal: AbortSignal) => AsyncIterable<Event>;
  /** Sees every event once, in order, before anyone else; answers the last one with the result. */
  readonly absorb: (event: Event) => Result | undefined;
  /** What did not come when the stream ends early, for people. */
  readonly expected: string;
}

/** How a stream ended; an empty object is a good end. */
interface Ending {
  readonly failure?: { readonly error: unknown };
}

/**
 * A stream of events that ends in a result. Events are read by its one iteration, as fast as that takes them, or by
 * {@link ResultStream.drain}, which keeps them for an iteration that begins later: none is ever lost.
 */
export class ResultStream<Event extends object, Result> implements AsyncIterable<Event> {
  readonly #source: StreamSource<Event, Result>;
  readonly #result = deferred<Result>();
  readonly #abort = new AbortController();
  readonly #kept: Event[] = [];
  #iterator: AsyncIterator<Event> | undefined;
  #reading: Promise<void> | undefined;
  #ending: Ending | undefined;
  #completed = false;
  #consumed = false;
  #attached = false;
  #draining = false;

  constructor(source: StreamSource<Event, Result>) {
    this.#source = source;
  }

  /** The result, without reading anything. */
  get settled(): Promise<Result> {
    return this.#result.promise;
  }

  /** The result; reads the stream to its end unless an iteration does. */
  result(): Promise<Result> {
    this.drain();
    return this.#result.promise;
  }

  /** Reads whatever no iteration reads. */
  drain(): void {
    if (this.#draining) return;
    this.#draining = true;
    void this.#readUnattended();
  }

  /** Ends the stream with `CancelledError`, unless it is complete. */
  cancel(): void {
    if (this.#completed || this.#ending !== undefined) return;
    this.#end({ failure: { error: new CancelledError('cancelled by the caller') } });
    this.#kept.length = 0;
    this.#abort.abort();
    // Rejects with the abort, which is known here.
    this.#iterator?.return?.().catch(() => undefined);
  }

  /** @throws StreamConsumedError the second time */
  [Symbol.asyncIterator](): AsyncIterator<Event> {
    if (this.#consumed) throw new StreamConsumedError();
    this.#consumed = true;
    this.#attached = true;
    let over = false;
    return {
      next: async () => {
        if (over) return { done: true, value: undefined };
        const event = await this.#next();
        if (event !== undefined) return { done: false, value: event };
        over = true;
        if (this.#ending?.failure !== undefined) throw this.#ending.failure.error;
        return { done: true, value: undefined };
      },
      return: async () => {
        over = true;
        this.#leave();
        return { done: true, value: undefined };
      },
    };
  }

  async #next(): Promise<Event | undefined> {
    while (this.#kept.length === 0 && this.#ending === undefined) await this.#read();
    return this.#kept.shift();
  }

  #leave(): void {
    this.#attached = false;
    this.cancel();
    // A completed call still has its status to come; whoever leaves before that must not make it a cancelled one.
    void this.#readUnattended();
  }

  async #readUnattended(): Promise<void> {
    while (!this.#attached && this.#ending === undefined) await this.#read();
    this.#draining = false;
  }

  /** Reads one event; callers at the same time share it. Never rejects. */
  #read(): Promise<void> {
    this.#reading ??= this.#readOne().finally(() => {
      this.#reading = undefined;
    });
    return this.#reading;
  }

  async #readOne(): Promise<void> {
    try {
      this.#iterator ??= this.#source.open(this.#abort.signal)[Symbol.asyncIterator]();
      const next = await this.#iterator.next();
      if (this.#ending !== undefined) return;
      if (next.done === true) {
        if (!this.#completed)
          throw new IncompleteStreamError(`the stream ended without ${this.#source.expected}`);
        this.#end({});
        return;
      }
      const result = this.#source.absorb(next.value);
      if (result !== undefined) {
        this.#completed = true;
        this.#result.resolve(result);
      }
      this.#kept.push(next.value);
    } catch (error) {
      // After the result there is nothing left to lose, whatever happens to the connection.
      this.#end(this.#completed ? {} : { failure: { error } });
    }
  }

  #end(ending: Ending): void {
    if (this.#ending !== undefined) return;
    this.#ending = ending;
    if (ending.failure !== undefined) this.#result.reject(ending.failure.error);
  }
}
