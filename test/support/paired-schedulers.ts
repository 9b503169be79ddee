import { type GenerateSpec, type StreamEvent } from '../../server/src/engine/protocol.js';
import { DraftChain } from '../../server/src/engine/thread/draft-chain.js';
import { DraftLink } from '../../server/src/engine/thread/draft-link.js';
import { Generation } from '../../server/src/engine/thread/generation.js';
import { type FromDraft, type ToDraft } from '../../server/src/engine/thread/messages.js';
import { PlainCost } from '../../server/src/engine/thread/plain-cost.js';
import { Scheduler } from '../../server/src/engine/thread/scheduler.js';
import { type Table, TableContext } from './table-context.js';

/** The pair of models that a test lets talk. */
export interface PairSetup {
  readonly target: Table;
  readonly draft: Table;
  readonly vocabularySize: number;
  readonly eogIds: readonly number[];
  readonly contextLength: number;
  readonly draftContextLength: number;
  readonly eager: boolean;
}

/** What may happen next: a pass on either side, a delivery either way, or the loss of the draft. */
export type Move = 'target' | 'draft' | 'toDraft' | 'toTarget' | 'lose';

// Fewer than the streams of a test, so that some have to wait for one.
const sequences = 2;

/** A target's and a draft's scheduler over tables, with every message between them in the hands of the test. */
export class PairedSchedulers {
  readonly events = new Map<number, StreamEvent[]>();
  readonly targetContext: TableContext;
  readonly draftContext: TableContext;
  readonly #setup: PairSetup;
  readonly #target: Scheduler;
  readonly #draft: Scheduler;
  readonly #toDraft: ToDraft[] = [];
  readonly #toTarget: FromDraft[] = [];

  constructor(setup: PairSetup) {
    this.#setup = setup;
    this.targetContext = new TableContext(setup.target);
    this.draftContext = new TableContext(setup.draft);
    const listeners = {
      onBroken: (code: number) => {
        throw new Error(`decode failed with ${code}`);
      },
      onBug: (error: unknown) => {
        throw error;
      },
    };
    this.#target = new Scheduler(this.targetContext.context, sequences, 8, listeners);
    this.#draft = new Scheduler(this.draftContext.context, sequences, 8, listeners);
  }

  /** Begins a stream, drafted or plain. */
  begin(spec: GenerateSpec, drafted: boolean): void {
    const events: StreamEvent[] = [];
    this.events.set(spec.stream, events);
    const { vocabularySize, eogIds, contextLength } = this.#setup;
    const link = drafted
      ? new DraftLink(
          { send: message => this.#toDraft.push(message) },
          {
            stream: spec.stream,
            sampling: spec.sampling,
            promptIds: spec.promptIds,
            vocabularySize,
            minProbability: spec.speculation.minDraftProbability,
            detailed: true,
            eager: this.#setup.eager,
          },
        )
      : undefined;
    const host = {
      decoder: this.targetContext.context,
      pieces: { eogIds, piece: (id: number) => new TextEncoder().encode(` ${id}`) },
      vocabularySize,
      contextLength,
      outputBudget: 16,
      plainCost: new PlainCost(),
      emit: (event: StreamEvent) => void events.push(event),
    };
    this.#target.addGeneration(new Generation(spec, host, link));
  }

  /** Whether every stream is over. */
  get done(): boolean {
    return this.#target.generations.size === 0;
  }

  /** Chains still open on the draft. */
  get openChains(): number {
    return this.#draft.chains.size;
  }

  /** Does one thing; false when there was nothing of the kind to do. */
  move(move: Move): boolean {
    switch (move) {
      case 'target':
        return this.#target.tick();
      case 'draft':
        return this.#draft.tick();
      case 'toDraft':
        return this.#deliverToDraft();
      case 'toTarget':
        return this.#deliverToTarget();
      case 'lose': {
        const [chain] = this.#draft.chains.values();
        if (chain === undefined) return false;
        chain.lose('SPECULATION_OFF_REASON_DRAFT_FAILED');
        this.#draft.removeChain(chain);
        return true;
      }
    }
  }

  /** Runs everything that is left to its end. */
  finish(): void {
    const moves: readonly Move[] = ['toDraft', 'draft', 'toTarget', 'target'];
    while (moves.map(move => this.move(move)).some(Boolean));
  }

  #deliverToDraft(): boolean {
    const message = this.#toDraft.shift();
    if (message === undefined) return false;
    const { chains } = this.#draft;
    if (message.type === 'commit')
      chains.get(message.stream)?.commit(message.at, message.ids, message.ahead);
    else if (message.type === 'close') {
      const chain = chains.get(message.stream);
      if (chain !== undefined) this.#draft.removeChain(chain);
    } else this.#open(message);
    return true;
  }

  #open(message: Extract<ToDraft, { type: 'open' }>): void {
    const { vocabularySize, eogIds, draftContextLength } = this.#setup;
    const spec = {
      ...message,
      commonSize: vocabularySize,
      eogIds,
      contextLength: draftContextLength,
    };
    const answer = (reply: FromDraft): void => void this.#toTarget.push(reply);
    this.#draft.addChain(new DraftChain(spec, this.draftContext.context, answer));
  }

  #deliverToTarget(): boolean {
    const message = this.#toTarget.shift();
    if (message === undefined) return false;
    const generation = this.#target.generations.get(message.stream);
    if (message.type === 'proposals') generation?.onProposals(message);
    else generation?.onDraftLost(message.reason);
    return true;
  }
}
