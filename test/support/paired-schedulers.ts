import { type DecodeCost } from '@outrider/sdk/proto';
import { type GenerateSpec, type StreamEvent } from '../../server/src/engine/protocol.js';
import { DraftChain } from '../../server/src/engine/thread/draft-chain.js';
import { DraftLink } from '../../server/src/engine/thread/draft-link.js';
import { type StreamPace } from '../../server/src/engine/thread/drafting.js';
import { Generation } from '../../server/src/engine/thread/generation.js';
import { type FromDraft, type ToDraft } from '../../server/src/engine/thread/messages.js';
import { Pacing } from '../../server/src/engine/thread/pacing.js';
import { Scheduler } from '../../server/src/engine/thread/scheduler.js';
import { type Table, TableContext } from './table-context.js';
import { tableHost, throwing } from './table-host.js';

/** The pair of models that a test lets talk. */
export interface PairSetup {
  readonly target: Table;
  readonly draft: Table;
  /** What the draft is exchanged for. @default the draft itself */
  readonly otherDraft?: Table;
  readonly vocabularySize: number;
  readonly eogIds: readonly number[];
  readonly contextLength: number;
  readonly draftContextLength: number;
  readonly eager: boolean;
  /** Sequences of either side. @default 2: fewer than the streams of a test, so that some have to wait for one */
  readonly sequences?: number;
  /** KV cells of either side. @default enough */
  readonly cells?: number;
  /** Whether the schedulers know the cells, or hear of passes that do not fit. @default true */
  readonly cellsKnown?: boolean;
  /** Passes of the target, as if timed at load. @default none: costs are learned from the streams */
  readonly costs?: readonly DecodeCost[];
  /** Time of a draft step, as if timed at load, in microseconds. @default not timed */
  readonly stepUs?: number;
}

/**
 * What may happen next: a pass on either side, a delivery either way, the loss of the draft, its exchange for another one,
 * something on a draft that was exchanged before, or that the draft's next pass is given up.
 */
export type Move = 'target' | 'draft' | 'toDraft' | 'toTarget' | 'lose' | 'swap' | 'late' | 'abort';

/** One draft model with its chains, and what is on its way to and from it. */
interface DraftSide {
  readonly context: TableContext;
  readonly scheduler: Scheduler;
  readonly inbox: ToDraft[];
  readonly answers: FromDraft[];
}

/** A target's and a draft's scheduler over tables, with every message between them in the hands of the test. */
export class PairedSchedulers {
  readonly events = new Map<number, StreamEvent[]>();
  /** Drafted tokens that reached each stream before it ended. */
  readonly proposed = new Map<number, number>();
  /** Passes of the draft that streams wanted given up. */
  aborts = 0;
  readonly targetContext: TableContext;
  readonly #setup: PairSetup;
  readonly #target: Scheduler;
  readonly #sides: DraftSide[] = [];
  readonly #pacing: Pacing;

  constructor(setup: PairSetup) {
    this.#setup = setup;
    this.#pacing = new Pacing(setup.costs ?? [], 16);
    [this.targetContext, this.#target] = scheduled(setup, setup.target);
    this.#addSide(setup.draft);
  }

  /** Rows that drafts have evaluated. */
  get draftRows(): number {
    return this.#sides.reduce((rows, side) => rows + side.context.evaluated, 0);
  }

  /** Begins a stream, drafted or plain. */
  begin(spec: GenerateSpec, drafted: boolean): void {
    const events: StreamEvent[] = [];
    this.events.set(spec.stream, events);
    const { vocabularySize, eogIds, contextLength } = this.#setup;
    const link = drafted ? this.#link(spec, spec.promptIds, 0) : undefined;
    const host = tableHost({
      decoder: this.targetContext.context,
      eogIds,
      vocabularySize,
      contextLength,
      outputBudget: 16,
      paced: this.#paced(spec, drafted),
      emit: event => void events.push(event),
    });
    this.#target.addGeneration(new Generation(spec, host, link));
  }

  /** Ends a stream in the middle. */
  cancel(stream: number): void {
    const generation = this.#target.generations.get(stream);
    generation?.cancel();
    if (generation !== undefined) this.#target.removeGeneration(generation);
  }

  /** Positions that either side says are in KV, and those that its context has; the target first. */
  get held(): readonly { readonly told: number; readonly real: number }[] {
    const sides = this.#sides.map(({ context, scheduler }) => ({ context, scheduler }));
    return [{ context: this.targetContext, scheduler: this.#target }, ...sides].map(side => ({
      told: side.scheduler.kvUsed,
      real: side.context.positions,
    }));
  }

  /** Whether every stream is over. */
  get done(): boolean {
    return this.#target.generations.size === 0;
  }

  /** Chains still open on any draft. */
  get openChains(): number {
    return this.#sides.reduce((open, side) => open + side.scheduler.chains.size, 0);
  }

  /** Does one thing; false when there was nothing of the kind to do. */
  move(move: Move): boolean {
    const side = this.#side;
    switch (move) {
      case 'target':
        return this.#target.tick();
      case 'draft':
        return side.scheduler.tick();
      case 'toDraft':
        return this.#deliverToDraft(side);
      case 'toTarget':
        return this.#deliverToTarget(side);
      case 'lose': {
        const [chain] = side.scheduler.chains.values();
        if (chain === undefined) return false;
        chain.lose('SPECULATION_OFF_REASON_DRAFT_FAILED');
        side.scheduler.removeChain(chain);
        return true;
      }
      case 'swap':
        this.#addSide(this.#setup.otherDraft ?? this.#setup.draft);
        for (const generation of this.#target.generations.values())
          generation.onDraftMoved(
            (ids, chain) => this.#link(generation.spec, ids, chain),
            this.#paced(generation.spec, true),
          );
        return true;
      case 'abort':
        side.context.abortNext = true;
        return false;
      case 'late':
        return this.#sides
          .slice(0, -1)
          .some(
            old => this.#deliverToDraft(old) || old.scheduler.tick() || this.#deliverToTarget(old),
          );
    }
  }

  /** Runs everything that is left to its end. */
  finish(): void {
    const moves: readonly Move[] = ['toDraft', 'draft', 'toTarget', 'late', 'target'];
    while (moves.map(move => this.move(move)).some(Boolean));
  }

  get #side(): DraftSide {
    const side = this.#sides.at(-1);
    if (side === undefined) throw new Error('there is no draft');
    return side;
  }

  #paced(spec: GenerateSpec, drafted: boolean): StreamPace {
    const { stepUs } = this.#setup;
    const use = { peer: 'draft', disjoint: false, ...(stepUs === undefined ? {} : { stepUs }) };
    return this.#pacing.stream(spec, drafted ? use : undefined);
  }

  #addSide(table: Table): void {
    const [context, scheduler] = scheduled(this.#setup, table);
    this.#sides.push({ context, scheduler, inbox: [], answers: [] });
  }

  #link(spec: GenerateSpec, promptIds: Uint32Array, chain: number): DraftLink {
    const { inbox } = this.#side;
    return new DraftLink(
      { send: message => inbox.push(message) },
      {
        abort: () => {
          this.aborts++;
        },
      },
      {
        stream: spec.stream,
        chain,
        sampling: spec.sampling,
        promptIds,
        vocabularySize: this.#setup.vocabularySize,
        minProbability: spec.speculation.minDraftProbability,
        detailed: true,
        eager: this.#setup.eager,
        cachePrompt: spec.cachePrompt,
      },
    );
  }

  #deliverToDraft(side: DraftSide): boolean {
    const message = side.inbox.shift();
    if (message === undefined) return false;
    const { chains } = side.scheduler;
    if (message.type === 'commit')
      chains.get(message.stream)?.commit(message.at, message.ids, message.goal, message.epoch);
    else if (message.type === 'close') {
      const chain = chains.get(message.stream);
      if (chain !== undefined) side.scheduler.removeChain(chain);
    } else this.#open(side, message);
    return true;
  }

  #open(side: DraftSide, message: Extract<ToDraft, { type: 'open' }>): void {
    const { vocabularySize, eogIds, draftContextLength } = this.#setup;
    const spec = {
      ...message,
      commonSize: vocabularySize,
      eogIds,
      contextLength: draftContextLength,
    };
    const answer = (reply: FromDraft): void => void side.answers.push(reply);
    side.scheduler.addChain(new DraftChain(spec, side.context.context, answer));
  }

  #deliverToTarget(side: DraftSide): boolean {
    const message = side.answers.shift();
    if (message === undefined) return false;
    const { stream } = message;
    const generation = this.#target.generations.get(stream);
    if (generation === undefined) return true;
    if (message.type === 'proposals') {
      this.proposed.set(stream, (this.proposed.get(stream) ?? 0) + message.proposals.length);
      generation.onProposals(message);
    } else generation.onDraftLost(message.reason, message.chain);
    return true;
  }
}

function scheduled(
  { sequences = 2, cells = Number.MAX_SAFE_INTEGER, cellsKnown = true }: PairSetup,
  table: Table,
): [TableContext, Scheduler] {
  const context = new TableContext(table, 32, 16, cells);
  const told = cellsKnown ? cells : Number.MAX_SAFE_INTEGER;
  const seen = { ...context.context, cells: told };
  return [context, new Scheduler(seen, sequences, 8, throwing)];
}
