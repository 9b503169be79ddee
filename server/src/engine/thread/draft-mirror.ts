import { type DraftStopReason } from '@outrider/sdk/proto';
import { type TokenList } from './decoder.js';
import { type FromDraft, type Proposal } from './messages.js';

type Proposals = Extract<FromDraft, { type: 'proposals' }>;

/**
 * What a target knows of its draft chain: the proposals beyond what is committed, and whether more will come. A chain that runs
 * ahead may be right, late, or already refuted; its revision tells answers from before a refutation apart.
 */
export class DraftMirror {
  readonly #onCompared: (proposal: Proposal, right: boolean) => void;
  #proposals: Proposal[] = [];
  #revision = 0;
  #refuted = false;
  #discarded = 0;
  #rest: { readonly known: number; readonly reason: DraftStopReason } | undefined;

  /** @param onCompared hears of each proposal that was not verified but can be compared with the text */
  constructor(onCompared: (proposal: Proposal, right: boolean) => void) {
    this.#onCompared = onCompared;
  }

  /** Beyond what is committed, in order. */
  get proposals(): readonly Proposal[] {
    return this.#proposals;
  }

  /** Whether the text refuted what the chain last proposed, and the chain has not answered since. */
  get refuted(): boolean {
    return this.#refuted;
  }

  /** Why the chain proposes no more until it hears of a commit; unset while it goes on, or has not heard of the last one. */
  restReason(committed: number): DraftStopReason | undefined {
    return this.#rest?.known === committed ? this.#rest.reason : undefined;
  }

  /** Tokens proposed and never verified since the last call. */
  takeDiscarded(): number {
    const discarded = this.#discarded;
    this.#discarded = 0;
    return discarded;
  }

  /** Counts proposals of a chain that is not this one. */
  discard(count: number): void {
    this.#discarded += count;
  }

  /** Takes an answer; what the target has decided itself meanwhile is compared and dropped. */
  receive(answer: Proposals, tokens: TokenList): void {
    const { revision, proposals, base, known, stopReason } = answer;
    this.#rest = stopReason === undefined ? undefined : { known, reason: stopReason };
    if (revision > this.#revision) {
      this.#revision = revision;
      this.#refuted = false;
    }
    for (const [index, proposal] of proposals.entries()) {
      const at = base + index;
      if (this.#refuted || revision < this.#revision) this.#discarded++;
      else if (at >= tokens.length) this.#proposals.push(proposal);
      else {
        const right = tokens.at(at) === proposal.id;
        this.#discarded++;
        this.#refuted = !right;
        this.#onCompared(proposal, right);
      }
    }
  }

  /**
   * Takes what was committed in one step.
   * @param verified how many proposals were in the pass
   */
  commit(ids: readonly number[], verified: number): void {
    for (const [index, id] of ids.entries()) {
      const proposal = this.#proposals.shift();
      if (proposal === undefined) return;
      const right = proposal.id === id;
      if (index >= verified) {
        this.#discarded++;
        this.#onCompared(proposal, right);
      }
      if (right) continue;
      this.#refuted = true;
      this.#drop(verified - index - 1);
      return;
    }
    // An accepted end of text leaves verified ones behind it.
    this.#proposals.splice(0, verified - ids.length);
  }

  /**
   * Gives up what is there, because the stream or the chain is over; another chain may follow.
   * @param verified how many of the proposals are in a pass that is not over yet
   */
  close(verified: number): void {
    this.#drop(verified);
    this.#revision = 0;
    this.#refuted = false;
    this.#rest = undefined;
  }

  #drop(verified: number): void {
    this.#discarded += Math.max(0, this.#proposals.length - Math.max(0, verified));
    this.#proposals = [];
  }
}
