import { DraftStopReason, SpeculationOffReason } from '@outrider/sdk/proto';
import { type SpeculationSpec } from '../protocol.js';
import { type TokenList } from './decoder.js';
import { type DraftLink } from './draft-link.js';
import { type FromDraft } from './messages.js';

type Proposals = Extract<FromDraft, { type: 'proposals' }>;

/** How far a step may go. */
export interface StepRoom {
  /** Tokens that may still be sent before `max_tokens`. */
  readonly tokens: number;
  /** Tokens that still fit the context. */
  readonly context: number;
  /** Most rows of one pass that may ask for logits. */
  readonly rows: number;
}

const none: readonly number[] = [];

/** What one stream drafts: its plan, its line to the draft model, and the proposals of the step at hand. */
export class Drafting {
  /** Whether a draft was there at the start. */
  readonly active: boolean;
  readonly #spec: SpeculationSpec;
  #link: DraftLink | undefined;
  #proposals: Proposals | undefined;
  #stopReason: DraftStopReason = DraftStopReason.DISABLED;
  #offReason: SpeculationOffReason | undefined;
  #planned = 0;
  #discarded = 0;
  #chain = 0;

  constructor(spec: SpeculationSpec, link: DraftLink | undefined) {
    this.active = link !== undefined;
    this.#spec = spec;
    this.#link = link;
  }

  /** Drafted tokens to verify in the step at hand. */
  get ids(): readonly number[] {
    return this.#proposals?.ids ?? none;
  }

  /** The draft's own probability of one of them; 0 when it was not asked for. */
  probability(index: number): number {
    return this.#proposals?.probabilities[index] ?? 0;
  }

  /** Compute time of the proposals at hand, in microseconds. */
  get draftUs(): number {
    return this.#proposals?.draftUs ?? 0;
  }

  /** Why the draft at hand is no longer than it is. */
  get stopReason(): DraftStopReason {
    return this.#stopReason;
  }

  /** Tokens that were planned for the step at hand. */
  get planned(): number {
    return this.#planned;
  }

  /** Why drafting ended before the stream did. */
  get offReason(): SpeculationOffReason | undefined {
    return this.#offReason;
  }

  /** Tokens drafted and never verified since the last call. */
  takeDiscarded(): number {
    const discarded = this.#discarded;
    this.#discarded = 0;
    return discarded;
  }

  /** Plans the next step. True: the draft was asked, and `take` or `lose` will follow. */
  ask(tokens: TokenList, room: StepRoom): boolean {
    this.#proposals = undefined;
    this.#planned = 0;
    if (this.#link === undefined) {
      this.#stopReason = DraftStopReason.DISABLED;
      return false;
    }
    this.#planned = this.#spec.maxDraftTokens;
    // A step emits one token more than it accepts.
    const budget = Math.min(room.tokens, room.rows) - 1;
    const ahead = Math.min(this.#planned, budget, room.context - 1);
    this.#stopReason = DraftStopReason.MAX_LEN;
    if (ahead < this.#planned)
      this.#stopReason =
        room.context - 1 < budget ? DraftStopReason.CONTEXT : DraftStopReason.BUDGET;
    if (ahead <= 0) return false;
    this.#link.commit(tokens, ahead);
    return true;
  }

  /** Takes what the draft answered to the last `ask`. */
  take(proposals: Proposals): void {
    // A draft that went as far as it was asked to stopped for the reason why it was not asked for more.
    if (proposals.stopReason !== DraftStopReason.MAX_LEN) this.#stopReason = proposals.stopReason;
    const { ids } = proposals;
    if (ids.length > 0 && ids.length < this.#spec.minDraftTokens) {
      this.discard(ids.length);
      this.#stopReason = DraftStopReason.TOO_SHORT;
      this.#proposals = { ...proposals, ids: none, probabilities: none };
    } else this.#proposals = proposals;
  }

  /** Counts tokens that came too late to be verified. */
  discard(count: number): void {
    this.#discarded += count;
  }

  /** Whether an answer is of the chain that drafts now. */
  isCurrent(chain: number): boolean {
    return this.#link?.chain === chain;
  }

  /**
   * Goes on with another draft model. A draft at hand is still verified. False: the stream has never drafted.
   * @param open makes the line to the new model for the chain of that number
   */
  move(open: (chain: number) => DraftLink): boolean {
    if (!this.active) return false;
    this.close();
    this.#chain++;
    this.#link = open(this.#chain);
    this.#offReason = undefined;
    return true;
  }

  /** Goes on without the draft model. */
  lose(reason: SpeculationOffReason): void {
    if (this.#link === undefined) return;
    this.close();
    this.#offReason = reason;
    // Taken away on purpose is no fault of the draft.
    const unloaded = reason === SpeculationOffReason.DRAFT_UNLOADED;
    this.#stopReason = unloaded ? DraftStopReason.DISABLED : DraftStopReason.ERROR;
  }

  /** Ends the chain on the draft's thread. */
  close(): void {
    this.#link?.close();
    this.#link = undefined;
  }
}
