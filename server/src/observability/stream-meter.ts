import { type StreamEvent } from '../engine/protocol.js';
import { type ModelTally } from './model-tally.js';

/** What a meter tells beside its tally. */
export interface StreamEnds {
  /** Called once, at the first token. */
  firstToken(): void;
  /** Called once. `how` is a finish reason, `cancelled`, or the reason of a failure, in lower case. */
  finished(how: string): void;
}

/** Counts one stream from the events of its engine, whether its caller reads them or has left. */
export class StreamMeter {
  readonly #tally: ModelTally;
  readonly #promptTokens: number;
  readonly #ends: StreamEnds;
  #discarded = 0;
  #begun = false;
  #over = false;

  constructor(tally: ModelTally, promptTokens: number, ends: StreamEnds) {
    this.#tally = tally;
    this.#promptTokens = promptTokens;
    this.#ends = ends;
  }

  /** Takes the next event. */
  readonly heard = (event: StreamEvent): void => {
    if (this.#over) return;
    switch (event.type) {
      case 'started':
        this.#tally.promptTokens += this.#promptTokens;
        return;
      case 'step':
        this.#step(event);
        return;
      case 'completed': {
        const { speculation, usage, finishReason } = event.completion;
        this.#tally.cachedPromptTokens += usage.cachedTokens;
        // What left the chain after the last step shows in the summary alone.
        this.#tally.discardedTokens += speculation.numDiscardedDraftTokens - this.#discarded;
        this.#end(finishReason.replace('FINISH_REASON_', ''));
        return;
      }
      case 'cancelled':
        this.#end('cancelled');
        return;
      case 'failed':
        this.#end(event.error.reason);
        return;
    }
  };

  #step({ step }: Extract<StreamEvent, { type: 'step' }>): void {
    this.#tally.generatedTokens += step.tokens.length;
    if (!this.#begun) this.#ends.firstToken();
    this.#begun = true;
    if (step.stats === undefined) return;
    this.#discarded += step.stats.numDiscardedDraftTokens;
    this.#tally.step(step.stats);
  }

  #end(how: string): void {
    this.#over = true;
    this.#ends.finished(how.toLowerCase());
  }
}
