import { SpeculationOffReason } from '@outrider/sdk/proto';
import { CodedError } from '../../coded-error.js';
import { outputBudget } from '../llama/context.js';
import { type GenerateSpec, type StreamEvent } from '../protocol.js';
import { ChooserScratch } from '../sampling/chooser.js';
import { AbortFlag } from './abort-flag.js';
import { type ComputeTeam } from './compute-team.js';
import { Doorbell, type Sender, waiting } from './doorbell.js';
import { DraftChain } from './draft-chain.js';
import { DraftLink } from './draft-link.js';
import { Generation, type GenerationHost } from './generation.js';
import { Heartbeat } from './heartbeat.js';
import { type LoadedThread } from './load.js';
import {
  type DraftUse,
  type FromDraft,
  type FromThread,
  gauge,
  type ThreadStart,
  type ToDraft,
  type ToThread,
} from './messages.js';
import { Pacing } from './pacing.js';
import { Peers } from './peers.js';
import { PlainCost } from './plain-cost.js';
import { fatalCode, Scheduler } from './scheduler.js';

/**
 * The thread of one loaded model, and the only one that touches its native objects. Its event loop never runs: it drains its
 * ports, runs a batch, and sleeps on its bell when there is nothing to run.
 */
export class ModelThread {
  readonly #start: ThreadStart;
  readonly #loaded: LoadedThread;
  readonly #post: (message: FromThread) => void;
  readonly #team: ComputeTeam;
  readonly #bell: Doorbell;
  readonly #gauges: Int32Array;
  readonly #heartbeat: Heartbeat;
  readonly #peers = new Peers();
  readonly #scheduler: Scheduler;
  readonly #scratch = new ChooserScratch();
  readonly #plainCost: PlainCost;
  readonly #pacing: Pacing;
  readonly #outputBudget: number;
  readonly #answered = new Set<Sender<ToDraft | FromDraft>>();
  #stopped = false;

  constructor(
    start: ThreadStart,
    loaded: LoadedThread,
    post: (message: FromThread) => void,
    team: ComputeTeam,
  ) {
    this.#team = team;
    this.#start = start;
    this.#loaded = loaded;
    this.#post = post;
    this.#bell = new Doorbell(start.bell);
    this.#gauges = new Int32Array(start.gauges);
    this.#heartbeat = new Heartbeat(start.gauges);
    this.#plainCost = new PlainCost(
      loaded.facts.decodeCosts.find(cost => cost.rows === 1)?.durationUs,
    );
    this.#outputBudget = outputBudget(start.options);
    this.#pacing = new Pacing(loaded.facts.decodeCosts, this.#outputBudget);
    this.#scheduler = new Scheduler(
      loaded.context,
      start.options.parallelSequences,
      start.options.microBatchSize,
      {
        onBroken: code => {
          const message = `llama_decode failed with code ${code}`;
          post({ type: code <= fatalCode ? 'fault' : 'bug', message });
        },
        onBug: error => this.#report(error),
        onPass: rows => this.#heartbeat.pass(rows),
      },
      new AbortFlag(start.abort),
    );
  }

  /** Serves until it is told to stop; then everything native is freed and every port closed. */
  run(): void {
    for (;;) {
      const { rings } = this.#bell;
      this.#heartbeat.awake();
      this.#drain();
      if (this.#stopped) break;
      const ran = this.#scheduler.tick();
      // Answers of one pass wake their target once, so that it verifies all of them in one batch.
      for (const sender of this.#answered) sender.ring();
      this.#answered.clear();
      Atomics.store(this.#gauges, gauge.kvUsed, this.#scheduler.kvUsed);
      Atomics.store(this.#gauges, gauge.kvKept, this.#scheduler.kvKept);
      if (ran) continue;
      this.#heartbeat.asleep();
      if (this.#bell.sleep(rings, this.#team.patienceMs)) continue;
      this.#team.rest();
      this.#bell.sleep(rings);
    }
    this.#dismiss();
    this.#loaded.free();
    this.#peers.close();
    this.#start.inbox.close();
  }

  /** Ends what still runs, so that nobody waits for a thread that is gone. */
  #dismiss(): void {
    const { generations, chains } = this.#scheduler;
    const error = new CodedError('MODEL_UNLOADED', 'the model was unloaded under the stream');
    for (const generation of generations.values()) generation.fail(error);
    for (const chain of chains.values()) chain.lose(SpeculationOffReason.DRAFT_UNLOADED);
    for (const sender of this.#answered) sender.ring();
  }

  #drain(): void {
    // A new line to a peer may already hold messages whose ring was heard before the line was known.
    while (this.#drainOnce());
  }

  #drainOnce(): boolean {
    const orders = [...waiting(this.#start.inbox)];
    const messages = this.#peers.take();
    // Sequences that are given back come first: whoever was admitted in their place was told so later.
    const closing = messages.filter(
      ({ message }) => message.type === 'close' && this.#scheduler.chains.has(message.stream),
    );
    for (const { from, message } of closing) this.#onPeer(from, message);
    for (const order of orders) this.#onMessage(order as ToThread);
    for (const { from, message } of messages) this.#onPeer(from, message);
    return orders.length + messages.length > 0;
  }

  #onMessage(message: ToThread): void {
    const { generations } = this.#scheduler;
    switch (message.type) {
      case 'generate':
        this.#begin(message.spec, message.draft);
        return;
      case 'cancel': {
        const generation = generations.get(message.stream);
        generation?.cancel();
        if (generation !== undefined) this.#scheduler.removeGeneration(generation);
        return;
      }
      case 'dropDraft':
        generations.get(message.stream)?.onDraftLost(message.reason);
        return;
      case 'moveDraft':
        this.#moveDraft(message.stream, message.draft);
        return;
      case 'tokenize':
        this.#reply(message.call, () => {
          const { text, addSpecial, parseSpecial } = message.spec;
          return this.#loaded.vocabulary.tokenize(text, addSpecial, parseSpecial);
        });
        return;
      case 'detokenize':
        this.#reply(message.call, () => {
          const { tokenIds, renderSpecial } = message.spec;
          return this.#loaded.vocabulary.detokenize(tokenIds, renderSpecial);
        });
        return;
      case 'texts':
        this.#reply(message.call, () => this.#loaded.vocabulary.texts);
        return;
      case 'peer':
        this.#peers.add(message.peer, message.port, message.bell, message.abort);
        return;
      case 'peerGone':
        this.#peers.remove(message.peer);
        this.#pacing.forget(message.peer);
        return;
      case 'stop':
        this.#stopped = true;
        return;
    }
  }

  #onPeer(from: string, message: ToDraft | FromDraft): void {
    const { generations, chains } = this.#scheduler;
    switch (message.type) {
      case 'proposals':
        generations.get(message.stream)?.onProposals(message);
        return;
      case 'lost':
        generations.get(message.stream)?.onDraftLost(message.reason, message.chain);
        return;
      case 'open':
        this.#open(from, message);
        return;
      case 'commit':
        this.#commit(message);
        return;
      case 'close': {
        const chain = chains.get(message.stream);
        if (chain !== undefined) this.#scheduler.removeChain(chain);
        return;
      }
    }
  }

  #begin(wanted: GenerateSpec, draft: DraftUse | undefined): void {
    const { vocabulary, context, facts } = this.#loaded;
    // A memory that cannot be cut holds a whole text or nothing.
    const spec = { ...wanted, cachePrompt: wanted.cachePrompt && facts.canSpeculate };
    const emit = (event: StreamEvent): void => {
      this.#post({ type: 'stream', stream: spec.stream, event });
    };
    const host: GenerationHost = {
      decoder: context,
      pieces: vocabulary,
      vocabularySize: vocabulary.facts.size,
      contextLength: this.#start.options.contextLength,
      outputBudget: this.#outputBudget,
      scratch: this.#scratch,
      plainCost: this.#plainCost,
      paced: this.#pacing.stream(spec, draft),
      invariants: this.#start.debug,
      emit,
    };
    const link = draft === undefined ? undefined : this.#link(spec, draft, spec.promptIds, 0);
    try {
      this.#scheduler.addGeneration(new Generation(spec, host, link));
    } catch (error) {
      link?.close();
      this.#report(error);
      const told = new CodedError('ENGINE_ERROR', `the stream could not begin: ${String(error)}`);
      emit({ type: 'failed', error: told.toData() });
    }
  }

  #moveDraft(stream: number, draft: DraftUse): void {
    const generation = this.#scheduler.generations.get(stream);
    generation?.onDraftMoved(
      (committed, chain) => this.#link(generation.spec, draft, committed, chain),
      this.#pacing.stream(generation.spec, draft),
    );
  }

  #link(spec: GenerateSpec, draft: DraftUse, promptIds: Uint32Array, chain: number): DraftLink {
    const { peer } = draft;
    return new DraftLink(this.#peers.sender(peer), this.#peers.abortFlag(peer), {
      stream: spec.stream,
      chain,
      sampling: spec.sampling,
      promptIds,
      vocabularySize: this.#loaded.vocabulary.facts.size,
      minProbability: spec.speculation.minDraftProbability,
      detailed: spec.statsLevel === 'STATS_LEVEL_DETAILED',
      eager: draft.disjoint,
      cachePrompt: spec.cachePrompt,
    });
  }

  #open(from: string, message: Extract<ToDraft, { type: 'open' }>): void {
    const sender = this.#peers.sender(from);
    const answer = (reply: FromDraft): void => {
      sender.post(reply);
      this.#answered.add(sender);
    };
    const { vocabulary, context, facts } = this.#loaded;
    const { contextLength } = this.#start.options;
    const { stream, chain: number, promptIds } = message;
    const reason = SpeculationOffReason.DRAFT_FAILED;
    const lost = { type: 'lost', stream, chain: number, reason } as const;
    if (!this.#knows(promptIds)) {
      answer(lost);
      return;
    }
    const spec = {
      ...message,
      commonSize: Math.min(message.vocabularySize, vocabulary.facts.size),
      contextLength,
      eogIds: vocabulary.eogIds,
      // A prompt that the draft's context cannot hold is not worth reading.
      eager: message.eager && promptIds.length <= contextLength,
      cachePrompt: message.cachePrompt && facts.canSpeculate,
    };
    try {
      this.#scheduler.addChain(new DraftChain(spec, context, answer, this.#scratch));
    } catch (error) {
      this.#report(error);
      answer(lost);
    }
  }

  #commit({ stream, at, ids, goal, epoch }: Extract<ToDraft, { type: 'commit' }>): void {
    const chain = this.#scheduler.chains.get(stream);
    if (chain === undefined) return;
    if (this.#knows(ids)) {
      chain.commit(at, ids, goal, epoch);
      return;
    }
    chain.lose(SpeculationOffReason.DRAFT_FAILED);
    this.#scheduler.removeChain(chain);
  }

  /** Whether every id is in this model's vocabulary: a target's may be larger by some padding. */
  #knows(ids: ArrayLike<number>): boolean {
    const { size } = this.#loaded.vocabulary.facts;
    return Array.prototype.every.call(ids, (id: number) => id < size);
  }

  #report(error: unknown): void {
    const message = error instanceof Error ? (error.stack ?? error.message) : String(error);
    this.#post({ type: 'bug', message });
  }

  #reply(call: number, make: () => unknown): void {
    try {
      this.#post({ type: 'reply', call, value: make() });
    } catch (error) {
      if (!(error instanceof CodedError)) this.#report(error);
      this.#post({ type: 'failed', call, error: CodedError.from(error).toData() });
    }
  }
}
