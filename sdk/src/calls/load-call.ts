import { type Load, type LoadProgress } from '../types/load.js';
import { type Model } from '../types/model.js';
import { ResultStream } from './result-stream.js';

/** One event of a load. */
export type LoadEvent =
  | { readonly type: 'progress'; readonly progress: LoadProgress }
  | { readonly type: 'model'; readonly model: Model };

/** A {@link Load} over a stream of events. */
export class LoadCall implements Load {
  readonly #stream: ResultStream<LoadEvent, Model>;

  constructor(open: (signal: AbortSignal) => AsyncIterable<LoadEvent>) {
    this.#stream = new ResultStream({
      open,
      absorb: event => (event.type === 'model' ? event.model : undefined),
      expected: 'a model',
    });
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<LoadProgress, void, undefined> {
    for await (const event of this.#stream) if (event.type === 'progress') yield event.progress;
  }

  cancel(): void {
    this.#stream.cancel();
  }

  then<Fulfilled = Model, Rejected = never>(
    onfulfilled?: ((value: Model) => Fulfilled | PromiseLike<Fulfilled>) | null,
    onrejected?: ((reason: unknown) => Rejected | PromiseLike<Rejected>) | null,
  ): Promise<Fulfilled | Rejected> {
    return this.#stream.result().then(onfulfilled, onrejected);
  }
}
