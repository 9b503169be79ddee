import { DraftStopReason, type SpeculationOffReason } from '@outrider/sdk/proto';
import { bestPlan, confidenceBin, reachOf } from '../pace/value.js';
import { type SamplingSpec } from '../protocol.js';
import { Chooser, type ChooserScratch } from '../sampling/chooser.js';
import { type Decoder, type TickTimes, TokenList } from './decoder.js';
import { type DraftGoal, type FromDraft, type Proposal } from './messages.js';
import { type Lane } from './prefix-cache.js';

/** What a draft chain is opened with. */
export interface ChainSpec {
  readonly stream: number;
  /** Number of the chain within its stream. */
  readonly chain: number;
  readonly promptIds: Uint32Array;
  readonly sampling: SamplingSpec;
  /** Tokens that one sequence of the draft may hold. */
  readonly contextLength: number;
  /** Ids that both vocabularies have; others are never drafted. */
  readonly commonSize: number;
  /** Ids of the draft's vocabulary that end the text. */
  readonly eogIds: readonly number[];
  /** Stop where the draft's own probability is below; 0: never. */
  readonly minProbability: number;
  /** Report the probability of each proposal. */
  readonly detailed: boolean;
  /** Read the prompt before the first commit asks for proposals. */
  readonly eager: boolean;
  /** Begin with KV that another chain or stream left or has, and leave one's own. */
  readonly cachePrompt: boolean;
}

/**
 * The mirror of one stream on its draft model: what is committed, what is proposed beyond it, and how much of both is in the
 * draft's KV. Only a hint: wrong or missing proposals cost speed, never text. No position is evaluated twice.
 */
export class DraftChain implements Lane {
  readonly stream: number;
  readonly #spec: ChainSpec;
  readonly #decoder: Decoder;
  readonly #answer: (message: FromDraft) => void;
  readonly #chooser: Chooser;
  readonly #eog: ReadonlySet<number>;
  /** What is committed, then what is proposed. */
  readonly #mine: TokenList;
  /** Its sequence of the draft's context; unset until one is free. */
  sequence: number | undefined;
  /** Index behind the last token in the draft's KV. */
  #fed = 0;
  /** Index of the token at position 0 of the KV: a chain that was far behind reads only the end of the text. */
  #first = 0;
  #known: number;
  #goal: DraftGoal | undefined;
  /** Beyond what is committed. */
  #ahead: Proposal[] = [];
  #sent = 0;
  #revision = 0;
  #epoch = 0;
  #draftUs = 0;
  #rowsFed = 0;
  #reused = 0;
  #lost = false;
  #rows = 0;
  #output = -1;

  constructor(
    spec: ChainSpec,
    decoder: Decoder,
    answer: (message: FromDraft) => void,
    scratch?: ChooserScratch,
  ) {
    this.#spec = spec;
    this.stream = spec.stream;
    this.#decoder = decoder;
    this.#answer = answer;
    this.#mine = new TokenList(spec.promptIds);
    this.#known = spec.promptIds.length;
    this.#eog = new Set(spec.eogIds);
    const shared = (id: number): boolean => id < spec.commonSize;
    const vocabulary = { size: spec.commonSize, eogIds: spec.eogIds.filter(shared) };
    const logitBias = spec.sampling.logitBias.filter(({ tokenId }) => shared(tokenId));
    this.#chooser = new Chooser(
      { ...spec.sampling, logitBias },
      vocabulary,
      spec.promptIds,
      scratch,
    );
  }

  /** Positions in the draft's KV. */
  get kv(): number {
    return this.#fed - this.#first;
  }

  /** Of these, those of committed tokens. */
  get settled(): number {
    return Math.min(this.#fed, this.#known) - this.#first;
  }

  /** Positions whose tokens are known. */
  get length(): number {
    return this.#mine.length - this.#first;
  }

  /** Whether its KV may be another one's, or become it. */
  get shares(): boolean {
    return this.#spec.cachePrompt && !this.#lost;
  }

  /** Id at a position of its sequence. */
  idAt(position: number): number {
    return this.#mine.at(this.#first + position);
  }

  /** Begins on its sequence, behind what that holds. */
  begin(reused: number): void {
    this.#fed = this.#first + reused;
    this.#reused = reused;
  }

  /**
   * Takes what the target committed, and drafts beyond it. Proposals that the target chose as well stay.
   * @param at index of the first of `ids` in the stream's token list
   * @param epoch where it has grown, no proposal stays
   */
  commit(at: number, ids: readonly number[], goal: DraftGoal, epoch = 0): void {
    for (const [index, id] of ids.entries()) this.#take(at + index, id);
    this.#known = at + ids.length;
    if (epoch > this.#epoch) {
      if (this.#ahead.length > 0) this.#rewind(this.#known);
      this.#revision++;
    }
    this.#epoch = epoch;
    this.#goal = goal;
    if (goal.window !== undefined) this.#skipTo(this.#mine.length - goal.window);
    // The logits behind a position are gone after another pass: to go on from the last one, it is read again.
    if (this.#fed === this.#mine.length) this.#trim(this.#fed - 1);
    this.#goOn();
  }

  /** Tokens that are not in the KV yet and may be fed now. */
  get behind(): number {
    if (this.#goal === undefined && !this.#spec.eager) return 0;
    return Math.min(this.#mine.length, this.#end) - this.#fed;
  }

  /** Adds at most `most` of the tokens that are behind; returns how many. */
  addRows(most: number): number {
    const { batch } = this.#decoder;
    const all = this.behind;
    this.#rows = this.sequence === undefined ? 0 : Math.min(most, all, batch.room);
    this.#output = -1;
    for (let row = 0; row < this.#rows; row++) {
      const wanted = this.#goal !== undefined && row === all - 1;
      if (wanted && batch.outputRoom === 0) {
        this.#rows = row;
        break;
      }
      const index = this.#fed + row;
      const position = index - this.#first;
      const output = batch.add(this.#mine.at(index), position, this.sequence ?? 0, wanted);
      if (wanted) this.#output = output;
    }
    return this.#rows;
  }

  /** Takes the result of a pass that its rows were in. */
  decoded(times: TickTimes): void {
    this.#fed += this.#rows;
    this.#rowsFed += this.#rows;
    const passUs = times.decodeEndUs - times.decodeStartUs;
    this.#draftUs += Math.round((passUs * this.#rows) / times.rows);
    if (this.#output === -1) return;
    this.#propose(this.#decoder.row(this.#output).subarray(0, this.#spec.commonSize));
  }

  /** Tells the target that it has to go on without this chain. */
  lose(reason: SpeculationOffReason): void {
    this.#lost = true;
    this.#answer({ type: 'lost', stream: this.stream, chain: this.#spec.chain, reason });
  }

  /** Index behind the last token that the sequence can hold. */
  get #end(): number {
    return this.#first + this.#spec.contextLength;
  }

  #take(index: number, id: number): void {
    const proposal = this.#ahead[0];
    if (proposal?.id === id) {
      this.#ahead.shift();
      this.#sent = Math.max(0, this.#sent - 1);
      return;
    }
    if (proposal !== undefined) {
      this.#rewind(index);
      this.#revision++;
    }
    this.#mine.push(id);
    this.#chooser.push(id);
  }

  #propose(row: Float32Array): void {
    const { minProbability, detailed } = this.#spec;
    const id = this.#chooser.choose(row, this.#mine.length);
    const { confidence } = this.#chooser;
    let probability = 0;
    if (minProbability > 0 || detailed) {
      probability = this.#chooser.probabilityOf(row, id);
      if (probability < minProbability) {
        this.#rest(DraftStopReason.P_MIN);
        return;
      }
    }
    this.#mine.push(id);
    this.#chooser.push(id);
    this.#ahead.push({ id, confidence, probability, us: this.#draftUs, known: this.#known });
    this.#draftUs = 0;
    this.#goOn();
  }

  /** Rests where the goal is reached, else goes on. */
  #goOn(): void {
    const goal = this.#goal;
    if (goal === undefined) return;
    const last = this.#ahead.at(-1);
    if (last !== undefined && this.#eog.has(last.id)) this.#rest(DraftStopReason.EOG);
    else if (this.#ahead.length >= goal.ahead) this.#rest(DraftStopReason.MAX_LEN);
    else if (this.#mine.length > this.#end) this.#rest(DraftStopReason.DRAFT_CONTEXT_FULL);
    else if (!this.#pays(goal)) this.#rest(DraftStopReason.COST);
    else if (goal.running && this.#sent < this.#ahead.length) this.#send();
  }

  #pays({ prices, ahead }: DraftGoal): boolean {
    // The plan found that the first one pays.
    if (prices === undefined || this.#ahead.length === 0) return true;
    const chances = this.#ahead.map(
      ({ confidence }) => prices.acceptance[confidenceBin(confidence)] ?? prices.meanAcceptance,
    );
    return bestPlan(reachOf(chances), prices, ahead) > chances.length;
  }

  #rest(stopReason: DraftStopReason): void {
    this.#goal = undefined;
    this.#send(stopReason);
  }

  #send(stopReason?: DraftStopReason): void {
    const proposals = this.#ahead.slice(this.#sent);
    this.#answer({
      type: 'proposals',
      stream: this.stream,
      chain: this.#spec.chain,
      revision: this.#revision,
      epoch: this.#epoch,
      known: this.#known,
      base: this.#known + this.#sent,
      proposals,
      rows: this.#rowsFed,
      reused: this.#reused,
      ...(stopReason === undefined ? {} : { stopReason }),
    });
    this.#sent = this.#ahead.length;
    this.#rowsFed = 0;
  }

  /** Begins anew at an index that the KV has not reached: what lies between is never read. */
  #skipTo(index: number): void {
    if (index <= this.#fed) return;
    this.#trim(this.#first);
    this.#first = index;
    this.#fed = index;
  }

  #rewind(length: number): void {
    this.#mine.truncate(length);
    this.#chooser.truncate(length);
    this.#ahead = [];
    this.#sent = 0;
    if (this.#fed > length) this.#trim(length);
  }

  #trim(length: number): void {
    if (this.sequence !== undefined) this.#decoder.trim(this.sequence, length - this.#first);
    this.#fed = length;
  }
}
