import {
  BaselineMethod,
  type DraftedToken,
  DraftSource,
  type SpeculationOffReason,
  StatsLevel,
  type Token,
} from '@outrider/sdk/proto';
import { CodedError } from '../../coded-error.js';
import { type GenerateSpec, type StreamEvent } from '../protocol.js';
import { Chooser, type ChooserScratch } from '../sampling/chooser.js';
import { type Verdict, walk, walkByDice } from '../sampling/walk.js';
import { StreamStats } from '../stats.js';
import { type Decoder, nowUs, type TickTimes, TokenList } from './decoder.js';
import { type DraftLink } from './draft-link.js';
import { Drafting, type StreamPace } from './drafting.js';
import { type FromDraft } from './messages.js';
import { type Emitted, Output, type Pieces } from './output.js';
import { type PlainCost } from './plain-cost.js';
import { type Lane } from './prefix-cache.js';
import { countSources, type Guess, sourceOf } from './step-draft.js';

/** What a stream runs on. */
export interface GenerationHost {
  readonly decoder: Decoder;
  readonly pieces: Pieces;
  /** Ids of the vocabulary. */
  readonly vocabularySize: number;
  /** Tokens that one sequence may hold. */
  readonly contextLength: number;
  /** Most rows of one pass that may ask for logits. */
  readonly outputBudget: number;
  readonly scratch?: ChooserScratch;
  readonly plainCost: PlainCost;
  readonly paced: StreamPace;
  /** Hold every step against the invariants of its record; one that breaks them fails the stream. @default false */
  readonly invariants?: boolean;
  emit(event: StreamEvent): void;
}

/** Where a stream is: reading its prompt, waiting for its draft, ready for a pass, or over. */
export type Phase = 'prompt' | 'drafting' | 'ready' | 'done';

type Proposals = Extract<FromDraft, { type: 'proposals' }>;
type Finish = NonNullable<Emitted['finish']>;

/**
 * One stream on its target, and the only place that commits tokens. Between steps its sequence holds every committed
 * position but the last.
 */
export class Generation implements Lane {
  readonly stream: number;
  /** Its sequence of the target's context; unset until one is free. */
  sequence: number | undefined;
  /** Positions in the target's KV. */
  kv = 0;
  /** What was asked for. */
  readonly spec: GenerateSpec;
  readonly #host: GenerationHost;
  readonly #tokens: TokenList;
  readonly #chooser: Chooser;
  readonly #output: Output;
  readonly #stats: StreamStats;
  readonly #begunUs = nowUs();
  readonly #drafting: Drafting;
  #phase: Phase = 'prompt';
  #failed = false;
  #reused = 0;
  #draftReused = 0;
  #rows = 0;
  #firstOutput = -1;
  #firstTokenUs = 0;
  #committedUs = 0;
  #idleFromUs = 0;

  constructor(spec: GenerateSpec, host: GenerationHost, link?: DraftLink) {
    this.stream = spec.stream;
    this.spec = spec;
    this.#host = host;
    this.#drafting = new Drafting(spec, host.paced, link, host.pieces.eogIds);
    this.#tokens = new TokenList(spec.promptIds);
    const vocabulary = { size: host.vocabularySize, eogIds: host.pieces.eogIds };
    this.#chooser = new Chooser(spec.sampling, vocabulary, spec.promptIds, host.scratch);
    this.#output = new Output(spec, host.pieces, host.contextLength);
    const maxDraftTokens = spec.speculation.maxDraftTokens;
    const { active } = this.#drafting;
    this.#stats = new StreamStats({
      maxDraftTokens,
      active,
      invariants: host.invariants === true,
    });
  }

  get phase(): Phase {
    return this.#phase;
  }

  /** Positions in KV, all of them committed. */
  get settled(): number {
    return this.kv;
  }

  /** Committed tokens. */
  get length(): number {
    return this.#tokens.length;
  }

  /** Whether its KV may be another stream's, or become it. */
  get shares(): boolean {
    return this.spec.cachePrompt && !this.#failed;
  }

  /** Committed id at a position. */
  idAt(position: number): number {
    return this.#tokens.at(position);
  }

  /** Begins on its sequence, behind what that holds of the prompt. */
  begin(reused: number): void {
    this.kv = reused;
    this.#reused = reused;
    this.#host.emit({ type: 'started', cachedTokens: reused });
  }

  /** Ready in a moment, and sooner without a pass of others in between. */
  get isNear(): boolean {
    return this.#phase === 'drafting' && this.#drafting.isNear;
  }

  /** Rows that the next pass needs of this stream when it is ready: its last token and its draft. */
  get verifyRows(): number {
    return 1 + this.#drafting.guesses.length;
  }

  /** Adds at most `most` tokens of the prompt; returns how many. */
  addPromptRows(most: number): number {
    const { batch } = this.#host.decoder;
    const all = this.#tokens.length - this.kv;
    // The last row of the prompt yields the first token, so it needs an output row.
    const fits = batch.outputRoom > 0 ? all : all - 1;
    this.#rows = this.sequence === undefined ? 0 : Math.min(most, fits, batch.room);
    this.#firstOutput = -1;
    for (let row = 0; row < this.#rows; row++) {
      const position = this.kv + row;
      const last = position === this.#tokens.length - 1;
      const output = batch.add(this.#tokens.at(position), position, this.sequence ?? 0, last);
      if (last) this.#firstOutput = output;
    }
    return this.#rows;
  }

  /** Adds the last committed token and the draft, every row with logits. */
  addVerifyRows(): void {
    const { batch } = this.#host.decoder;
    const sequence = this.sequence ?? 0;
    const last = this.#tokens.length - 1;
    this.#firstOutput = batch.add(this.#tokens.at(last), last, sequence, true);
    for (const [index, { id }] of this.#drafting.guesses.entries())
      batch.add(id, last + 1 + index, sequence, true);
    this.#rows = this.verifyRows;
  }

  /** Takes the result of a pass that its rows were in. */
  decoded(times: TickTimes): void {
    if (this.#phase === 'prompt') {
      this.kv += this.#rows;
      if (this.#firstOutput !== -1) this.#commitFirst();
    } else this.#commitStep(times);
    this.#idleFromUs = nowUs();
  }

  /** Takes what the draft answered. */
  onProposals(proposals: Proposals): void {
    if (this.#drafting.isCurrent(proposals.chain)) this.#draftReused = proposals.reused;
    const waits = this.#drafting.receive(proposals, this.#tokens);
    if (this.#phase === 'drafting' && !waits) this.#phase = 'ready';
  }

  /**
   * Goes on without the draft. A draft is only a hint: the text does not change.
   * @param chain the one that was lost; unset: whichever drafts now
   */
  onDraftLost(reason: SpeculationOffReason, chain?: number): void {
    if (chain !== undefined && !this.#drafting.isCurrent(chain)) return;
    this.#drafting.lose(reason, this.#tokens);
    if (this.#phase === 'drafting') this.#phase = 'ready';
  }

  /**
   * Drafts with another model from the next step on; a step that waits for the old one asks anew.
   * @param open makes the line to a chain of that number which begins with these committed ids
   */
  onDraftMoved(
    open: (committed: Uint32Array, chain: number) => DraftLink,
    paced: StreamPace,
  ): void {
    const committed = Uint32Array.from(this.#tokens.slice(0));
    if (!this.#drafting.move(chain => open(committed, chain), paced)) return;
    if (this.#phase === 'drafting') this.#prepare();
  }

  /** Ends the stream because nobody wants it any more. */
  cancel(): void {
    this.#end({ type: 'cancelled' });
  }

  /** Ends the stream with a failure. */
  fail(error: CodedError): void {
    this.#failed = true;
    this.#end({ type: 'failed', error: error.toData() });
  }

  #commitFirst(): void {
    const row = this.#host.decoder.row(this.#firstOutput);
    const id = this.#chooser.choose(row, this.#tokens.length);
    this.#chooser.push(id);
    this.#tokens.push(id);
    this.#firstTokenUs = nowUs();
    this.#committedUs = this.#firstTokenUs;
    const { tokens, finish } = this.#output.emit([id], 0, () => this.#output.logprobs(row, id));
    this.#host.emit({ type: 'step', step: { tokens, stats: undefined } });
    if (finish === undefined) this.#prepare();
    else this.#complete(finish);
  }

  #commitStep(times: TickTimes): void {
    const { guesses } = this.#drafting;
    const drafted = guesses.map(({ id }) => id);
    const before = this.#tokens.length;
    const { verdict, details } = this.#verify(drafted);
    const { tokens: ids, accepted } = verdict;
    for (const id of ids) this.#tokens.push(id);
    const { tokens, finish } = this.#output.emit(ids, accepted, index => details[index] ?? {});
    this.#trim(before - 1 + this.#rows, before + accepted);
    const overlappedTokens = this.#drafting.overlapped(before);
    const committedUs = nowUs();
    const stepUs = committedUs - this.#committedUs;
    this.#drafting.observe({ ids, accepted, stepUs, times });
    if (finish !== undefined) this.#drafting.close();
    const source = sourceOf(guesses);
    const stats = this.#stats.step({
      draftTokens: drafted.length,
      acceptedTokens: accepted,
      emittedTokens: tokens.length,
      bonus: verdict.bonus,
      source,
      ...(source === DraftSource.MIXED ? { bySource: countSources(guesses, accepted) } : {}),
      stopReason: this.#drafting.stopReason,
      plannedDraftLen: this.#drafting.planned,
      draftUs: this.#drafting.draftUs,
      verifyUs: times.decodeEndUs - times.decodeStartUs,
      idleUs: times.tickStartUs - this.#idleFromUs,
      stepUs,
      discardedTokens: this.#drafting.takeDiscarded(),
      overlappedTokens,
      rolledBackTokens: drafted.length - accepted,
      replayed: false,
      batchSize: times.streams,
      ...(this.spec.statsLevel === StatsLevel.DETAILED
        ? { drafted: this.#details(guesses, verdict) }
        : {}),
    });
    // A step that waited for a draft in vain is no plain one.
    if (this.#drafting.planned === 0 && times.streams === 1 && !times.mixed)
      this.#host.plainCost.observe(stepUs);
    this.#committedUs = committedUs;
    // At every level: the server counts them, and leaves out what the caller did not ask for.
    this.#host.emit({ type: 'step', step: { tokens, stats } });
    if (finish === undefined) this.#prepare();
    else this.#complete(finish);
  }

  /** Asks for the next draft, or gets ready for a plain step. */
  #prepare(): void {
    const room = { ...this.#output.left, rows: this.#host.outputBudget };
    this.#phase = this.#drafting.ask(this.#tokens, room) ? 'drafting' : 'ready';
  }

  /** Walks over the rows of the pass; `details` holds what is known of each token chosen, beside its id. */
  #verify(drafted: readonly number[]): { verdict: Verdict; details: Partial<Token>[] } {
    const before = this.#tokens.length;
    const details: Partial<Token>[] = [];
    const choose = (index: number): number => {
      const row = this.#host.decoder.row(this.#firstOutput + index);
      const id = this.#chooser.choose(row, before + index);
      this.#chooser.push(id);
      details.push(this.#output.logprobs(row, id));
      return id;
    };
    const { endsText } = this.#output;
    const { dice } = this.#drafting;
    if (dice === undefined) return { verdict: walk(drafted, choose, endsText), details };
    const accepts = (index: number): boolean => dice.accepts(index, before + index);
    const take = (token: number): void => this.#chooser.push(token);
    // Log probabilities are refused beside dice, so that no index of theirs is looked up.
    return { verdict: walkByDice(drafted, { accepts, choose, take, endsText }), details };
  }

  #trim(evaluated: number, valid: number): void {
    this.kv = valid;
    if (evaluated > valid && !this.#host.decoder.trim(this.sequence ?? 0, valid))
      throw new CodedError('ENGINE_ERROR', 'the KV cache of the model could not be rolled back');
  }

  #details(guesses: readonly Guess[], { tokens, accepted }: Verdict): DraftedToken[] {
    const { dice } = this.#drafting;
    return guesses.map(({ id, probability, source }, index) => ({
      id,
      text: this.#output.textOf(id),
      draftProbability: probability,
      accepted: index < accepted,
      // Of what dice accept the target was not asked.
      targetId: index < accepted && dice !== undefined ? undefined : tokens[index],
      source,
    }));
  }

  #complete(finish: Finish): void {
    const promptTokens = this.spec.promptIds.length;
    const completionTokens = this.#output.completionTokens;
    const decodeUs = this.#committedUs - this.#firstTokenUs;
    const baseline = this.#baseline();
    const { offReason } = this.#drafting;
    const speculation = this.#stats.summary({
      ...(baseline === undefined ? {} : { baseline }),
      ...(decodeUs === 0 ? {} : { tokensPerSecond: ((completionTokens - 1) * 1e6) / decodeUs }),
      targetKvReusedTokens: this.#reused,
      draftKvReusedTokens: Math.min(this.#draftReused, promptTokens),
      ...(offReason === undefined ? {} : { offReason }),
    });
    this.#end({
      type: 'completed',
      completion: {
        finishReason: finish.reason,
        matchedStop: finish.matchedStop,
        usage: { promptTokens, completionTokens, cachedTokens: this.#reused },
        promptUs: this.#firstTokenUs - this.#begunUs,
        decodeUs,
        speculation,
      },
    });
  }

  #baseline(): { tps: number; method: BaselineMethod } | undefined {
    if (!this.#drafting.active) return undefined;
    const measured = this.#stats.plainStepMedianUs();
    if (measured !== undefined)
      return { tps: 1e6 / measured, method: BaselineMethod.MEASURED_PROBE };
    const { us } = this.#host.plainCost;
    if (us === undefined) return undefined;
    return { tps: 1e6 / us, method: BaselineMethod.SINGLE_FORWARD_EWMA };
  }

  #end(event: StreamEvent): void {
    if (this.#phase === 'done') return;
    this.#phase = 'done';
    this.#drafting.close();
    this.#host.emit(event);
  }
}
