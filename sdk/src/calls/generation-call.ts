import { IncompleteStreamError } from '../errors/failures.js';
import {
  type Generation,
  type GenerationEvent,
  type GenerationResult,
  type GenerationStarted,
  type Token,
} from '../types/generation.js';
import { type StepStats } from '../types/statistics.js';
import { deferred } from './deferred.js';
import { ResultStream } from './result-stream.js';

/** A {@link Generation} over a stream of events. */
export class GenerationCall implements Generation {
  readonly #stream: ResultStream<GenerationEvent, GenerationResult>;
  readonly #started = deferred<GenerationStarted>();
  readonly #tokens: Token[] = [];
  #begun: GenerationStarted | undefined;

  constructor(open: (signal: AbortSignal) => AsyncIterable<GenerationEvent>) {
    this.#stream = new ResultStream({
      open,
      absorb: event => this.#absorb(event),
      expected: 'completion',
    });
    this.#stream.settled.catch((error: unknown) => this.#started.reject(error));
  }

  [Symbol.asyncIterator](): AsyncIterator<GenerationEvent> {
    return this.#stream[Symbol.asyncIterator]();
  }

  async *text(): AsyncGenerator<string, void, undefined> {
    for await (const event of this.#stream)
      if (event.type === 'step' && event.text !== '') yield event.text;
  }

  async *tokens(): AsyncGenerator<Token, void, undefined> {
    for await (const event of this.#stream) if (event.type === 'step') yield* event.tokens;
  }

  async *steps(): AsyncGenerator<StepStats, void, undefined> {
    for await (const event of this.#stream)
      if (event.type === 'step' && event.stats !== undefined) yield event.stats;
  }

  started(): Promise<GenerationStarted> {
    this.#stream.drain();
    return this.#started.promise;
  }

  result(): Promise<GenerationResult> {
    return this.#stream.result();
  }

  cancel(): void {
    this.#stream.cancel();
  }

  then<Fulfilled = GenerationResult, Rejected = never>(
    onfulfilled?: ((value: GenerationResult) => Fulfilled | PromiseLike<Fulfilled>) | null,
    onrejected?: ((reason: unknown) => Rejected | PromiseLike<Rejected>) | null,
  ): Promise<Fulfilled | Rejected> {
    return this.result().then(onfulfilled, onrejected);
  }

  #absorb(event: GenerationEvent): GenerationResult | undefined {
    switch (event.type) {
      case 'started': {
        const started = payload(event);
        this.#begun = started;
        this.#started.resolve(started);
        return undefined;
      }
      case 'step':
        this.#tokens.push(...event.tokens);
        return undefined;
      case 'completion': {
        if (this.#begun === undefined)
          throw new IncompleteStreamError('the stream was completed without having started');
        const tokens = this.#tokens;
        return {
          ...payload(event),
          text: tokens.map(token => token.text).join(''),
          tokenIds: tokens.map(token => token.id),
          tokens,
          started: this.#begun,
        };
      }
    }
  }
}

function payload<T extends { readonly type: string }>(event: T): Omit<T, 'type'> {
  const copy: Omit<T, 'type'> & { type?: string } = { ...event };
  delete copy.type;
  return copy;
}
