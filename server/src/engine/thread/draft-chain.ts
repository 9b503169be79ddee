import { DraftStopReason, type SpeculationOffReason } from '@outrider/sdk/proto';
import { type SamplingSpec } from '../protocol.js';
import { Chooser, type ChooserScratch } from '../sampling/chooser.js';
import { type Decoder, type TickTimes, TokenList } from './decoder.js';
import { type FromDraft } from './messages.js';

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
}

/**
 * The mirror of one stream on its draft model: what is committed, what is proposed beyond it, and how much of both is in the
 * draft's KV. Only a hint: wrong or missing proposals cost speed, never text. No position is evaluated twice.
 */
export class DraftChain {
  readonly stream: number;
  readonly #spec: ChainSpec;
  readonly #decoder: Decoder;
  readonly #answer: (message: FromDraft) => void;
  readonly #chooser: Chooser;
  readonly #eog: ReadonlySet<number>;
  readonly #mine: TokenList;
  /** Its sequence of the draft's context; unset until one is free. */
  sequence: number | undefined;
  /** Positions in the draft's KV. */
  kv = 0;
  #known: number;
  #goal: number | undefined;
  #probabilities: number[] = [];
  #draftUs = 0;
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

  /**
   * Takes what the target committed, and drafts `ahead` tokens beyond it.
   * @param at index of the first of `ids` in the stream's token list
   */
  commit(at: number, ids: readonly number[], ahead: number): void {
    let same = 0;
    while (same < ids.length && this.#mine.at(at + same) === ids[same]) same++;
    if (same < ids.length) this.#rewind(at + same);
    for (const id of ids.slice(same)) {
      this.#mine.push(id);
      this.#chooser.push(id);
    }
    this.#known = at + ids.length;
    // What is left of a draft that was too short to be verified was dropped by the target.
    this.#rewind(this.#known);
    // The logits behind a position are gone after another pass: to go on from the last one, it is read again.
    if (this.kv === this.#known) this.#trim(this.#known - 1);
    this.#goal = this.#known + ahead;
    this.#probabilities = [];
    this.#draftUs = 0;
    if (this.#known > this.#spec.contextLength) this.#finish(DraftStopReason.DRAFT_CONTEXT_FULL);
  }

  /** Tokens that are not in the KV yet and may be fed now. */
  get behind(): number {
    if (this.#goal === undefined && !this.#spec.eager) return 0;
    return Math.min(this.#mine.length, this.#spec.contextLength) - this.kv;
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
      const position = this.kv + row;
      const output = batch.add(this.#mine.at(position), position, this.sequence ?? 0, wanted);
      if (wanted) this.#output = output;
    }
    return this.#rows;
  }

  /** Takes the result of a pass that its rows were in. */
  decoded(times: TickTimes): void {
    this.kv += this.#rows;
    const passUs = times.decodeEndUs - times.decodeStartUs;
    this.#draftUs += Math.round((passUs * this.#rows) / times.rows);
    if (this.#output === -1) return;
    this.#propose(this.#decoder.row(this.#output).subarray(0, this.#spec.commonSize));
  }

  /** Tells the target that it has to go on without this chain. */
  lose(reason: SpeculationOffReason): void {
    this.#answer({ type: 'lost', stream: this.stream, chain: this.#spec.chain, reason });
  }

  #propose(row: Float32Array): void {
    const { minProbability, detailed, contextLength } = this.#spec;
    const id = this.#chooser.choose(row, this.#mine.length);
    if (minProbability > 0 || detailed) {
      const probability = this.#chooser.probabilityOf(row, id);
      if (probability < minProbability) {
        this.#finish(DraftStopReason.P_MIN);
        return;
      }
      this.#probabilities.push(probability);
    }
    this.#mine.push(id);
    this.#chooser.push(id);
    if (this.#eog.has(id)) this.#finish(DraftStopReason.EOG);
    else if (this.#mine.length === this.#goal) this.#finish(DraftStopReason.MAX_LEN);
    else if (this.#mine.length > contextLength) this.#finish(DraftStopReason.DRAFT_CONTEXT_FULL);
  }

  #finish(stopReason: DraftStopReason): void {
    this.#goal = undefined;
    this.#answer({
      type: 'proposals',
      stream: this.stream,
      chain: this.#spec.chain,
      base: this.#known,
      ids: this.#mine.slice(this.#known),
      probabilities: this.#spec.detailed ? this.#probabilities : [],
      stopReason,
      draftUs: this.#draftUs,
    });
  }

  #rewind(length: number): void {
    this.#mine.truncate(length);
    this.#chooser.truncate(length);
    if (this.kv > length) this.#trim(length);
  }

  #trim(length: number): void {
    if (this.sequence !== undefined) this.#decoder.trim(this.sequence, length);
    this.kv = length;
  }
}
