import { type DraftWork } from '../pace/draft-costs.js';
import { type ShadowOutcome } from '../pace/step.js';
import { confidenceBin } from '../pace/value.js';
import { type Proposal } from './messages.js';

/** A draft that is not verified but held against the text as it comes, to learn whether drafting would pay. */
export class ShadowDraft {
  readonly #onEnd: (outcome: ShadowOutcome) => void;
  #left = 0;
  #bins: number[] = [];
  #agreed = 0;
  #work: DraftWork | undefined;

  constructor(onEnd: (outcome: ShadowOutcome) => void) {
    this.#onEnd = onEnd;
  }

  /** Expects `length` tokens. */
  begin(length: number): void {
    this.#left = length;
    this.#bins = [];
    this.#agreed = 0;
    this.#work = undefined;
  }

  /** Takes a token that the text has come to. */
  compare(proposal: Proposal, right: boolean): void {
    if (this.#left === 0) return;
    this.#bins.push(confidenceBin(proposal.confidence));
    if (right) this.#agreed++;
    this.#left--;
    if (!right || this.#left === 0) this.#end();
  }

  /** Takes what the draft did for an answer, of which there is one. */
  work(work: DraftWork): void {
    if (this.#left === 0) return;
    this.#work = work;
    // It may have stopped early, at an end of text or of its context.
    this.#left = Math.min(this.#left, work.tokens - this.#bins.length);
    if (this.#left === 0) this.#end();
  }

  /** No more can be compared. */
  abandon(): void {
    if (this.#left > 0) this.#end();
  }

  #end(): void {
    this.#left = 0;
    const draft = this.#work === undefined ? {} : { draft: this.#work };
    this.#onEnd({ bins: this.#bins, agreed: this.#agreed, ...draft });
  }
}
