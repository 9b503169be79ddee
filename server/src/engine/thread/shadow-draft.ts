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

  /** Whether the text has not come to all of it yet. */
  get open(): boolean {
    return this.#left > 0;
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
    if (!this.open) return;
    this.#bins.push(confidenceBin(proposal.confidence));
    if (right) this.#agreed++;
    this.#left--;
    if (!right || this.#left === 0) this.#end();
  }

  /** Takes what the draft did for its answer, of which there is one, before any of that is compared. */
  work(work: DraftWork): void {
    if (this.open) this.#work = work;
  }

  /** Takes how many tokens are left to compare after the answer: it may have stopped early, or the text was there first. */
  remain(tokens: number): void {
    if (!this.open) return;
    this.#left = Math.min(this.#left, tokens);
    if (this.#left === 0) this.#end();
  }

  /** No more can be compared. */
  abandon(): void {
    if (this.open) this.#end();
  }

  #end(): void {
    this.#left = 0;
    const draft = this.#work === undefined ? {} : { draft: this.#work };
    this.#onEnd({ bins: this.#bins, agreed: this.#agreed, ...draft });
  }
}
