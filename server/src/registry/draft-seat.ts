import { type Held } from './admission.js';
import { type ReadyModel, type Stream } from './record.js';

/** The sequence that one stream holds on its draft. It moves when the draft is replaced. */
export class DraftSeat {
  readonly #maxTokens: number;
  #draft: ReadyModel | undefined;
  #held: Held | undefined;

  /** @param maxTokens most tokens that the stream may produce */
  constructor(maxTokens: number) {
    this.#maxTokens = maxTokens;
  }

  /** The model that drafts now. */
  get draft(): ReadyModel | undefined {
    return this.#draft;
  }

  /** Takes a sequence of a draft; false when it has none free. */
  take(draft: ReadyModel): boolean {
    const held = draft.admission.tryEnter(this.#maxTokens);
    if (held === undefined) return false;
    this.#draft = draft;
    this.#held = held;
    return true;
  }

  /** Gives the sequence back; false when there was none. */
  leave(stream: Stream): boolean {
    const [draft, held] = [this.#draft, this.#held];
    if (draft === undefined || held === undefined) return false;
    this.#draft = undefined;
    this.#held = undefined;
    draft.drafts.delete(stream);
    draft.admission.leave(held);
    draft.streamEnded();
    return true;
  }

  /** Changes over to another draft; false when that has no sequence free, and then there is no draft any more. */
  move(stream: Stream, to: ReadyModel): boolean {
    this.leave(stream);
    if (!this.take(to)) return false;
    to.drafts.add(stream);
    return true;
  }
}
