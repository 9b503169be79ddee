import { type SamplingSpec } from '../protocol.js';
import { type AbortFlag } from './abort-flag.js';
import { type DraftGoal, type ToDraft } from './messages.js';

/** What a stream tells its draft when it begins, or when it takes another one. */
export interface DraftOpening {
  readonly stream: number;
  /** Number of the chain within its stream. */
  readonly chain: number;
  readonly sampling: SamplingSpec;
  /** What is committed so far. */
  readonly promptIds: Uint32Array;
  readonly vocabularySize: number;
  readonly minProbability: number;
  readonly detailed: boolean;
  readonly eager: boolean;
  readonly cachePrompt: boolean;
}

/** What carries messages to the draft's thread, in order. */
export interface DraftSender {
  send(message: ToDraft): void;
}

/** A stream's line to its chain on the draft's thread: remembers what the chain knows already. */
export class DraftLink {
  readonly #sender: DraftSender;
  readonly #abort: Pick<AbortFlag, 'abort'>;
  readonly #stream: number;
  /** Number of the chain within its stream. */
  readonly chain: number;
  /** Draft and target have a device in common, so that each is the slower for what the other computes. */
  readonly shared: boolean;
  #told: number;
  #epoch = 0;

  /** @param abort gives up the pass that the draft's thread is in */
  constructor(sender: DraftSender, abort: Pick<AbortFlag, 'abort'>, opening: DraftOpening) {
    this.#sender = sender;
    this.#abort = abort;
    this.#stream = opening.stream;
    this.chain = opening.chain;
    this.shared = !opening.eager;
    this.#told = opening.promptIds.length;
    sender.send({ type: 'open', ...opening });
  }

  /** Tells what was committed since the last time, and how far to go beyond it. */
  commit(
    committed: { readonly length: number; slice(from: number): number[] },
    goal: DraftGoal,
  ): void {
    const at = this.#told;
    this.#told = committed.length;
    const ids = committed.slice(at);
    this.#sender.send({ type: 'commit', stream: this.#stream, at, ids, goal, epoch: this.#epoch });
  }

  /** Has the chain drop what it proposed beyond what is committed now, with the next commit. */
  restart(): void {
    this.#epoch++;
  }

  /** Gives up the pass that the chain is in, because what it is about has been refuted. */
  abortPass(): void {
    this.#abort.abort(this.#stream);
  }

  /** Ends the chain. */
  close(): void {
    this.#sender.send({ type: 'close', stream: this.#stream });
  }
}
