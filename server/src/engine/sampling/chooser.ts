import { type SamplingSpec } from '../protocol.js';
import { Candidates } from './candidates.js';
import { noiseKeys } from './gumbel.js';
import { type Leader, leadByNoise, leadByNoiseOf, leadByScore, leadOver } from './leader.js';
import { PenaltyWindow } from './penalties.js';
import { maxOf, warp } from './warp.js';
import { largest, massOf, weight } from './weight.js';

/** What a chooser needs to know of a vocabulary. */
export interface ChooserVocabulary {
  /** Token ids are 0 to size - 1; a row has as many logits. */
  readonly size: number;
  /** Ids that end the text. */
  readonly eogIds: readonly number[];
}

/** A bias of this or less bans its token. */
const BAN = -100;

/** Working memory of choices, allocated when a setting first needs it. Choosers that run one after another may share one. */
export class ChooserScratch {
  /** Tokens that the filters kept. */
  readonly kept = new Candidates();
  #scores = new Float32Array(0);

  /** Room for a row of scores; what it holds is undefined. */
  scores(size: number): Float32Array {
    if (this.#scores.length !== size) this.#scores = new Float32Array(size);
    return this.#scores;
  }
}

/**
 * Chooses the tokens of one stream. A choice is a pure function of the row, the tokens pushed so far, the sampling
 * settings with their seed, and the position: a target and its draft that share these agree wherever their logits do.
 *
 * Scores are the logits after bias and penalties, rounded to 32-bit floats like the logits themselves. At
 * temperature 0 the best score wins, ties to the lowest id, and filters are ignored; above, the best of
 * (score - largest kept score) / temperature + noise among the tokens that the filters keep.
 * Logits that are not finite are never chosen.
 */
export class Chooser {
  readonly #spec: SamplingSpec;
  readonly #size: number;
  readonly #banned: Int32Array;
  readonly #scratch: ChooserScratch;
  readonly #penalties: PenaltyWindow | undefined;
  readonly #promptLength: number;
  readonly #keys = new Int32Array(2);
  readonly #leader: Leader = { token: -1, score: -Infinity, runnerUp: -Infinity };
  #length: number;

  /**
   * @param promptIds the tokens before the first choice; seen by the penalties
   * @param scratch working memory shared with other choosers of the same thread. @default its own
   * @throws RangeError where a biased or end-of-text id is outside the vocabulary
   */
  constructor(
    spec: SamplingSpec,
    vocab: ChooserVocabulary,
    promptIds: ArrayLike<number>,
    scratch: ChooserScratch = new ChooserScratch(),
  ) {
    const banned = spec.logitBias.filter(({ bias }) => bias <= BAN).map(({ tokenId }) => tokenId);
    if (spec.ignoreEos) banned.push(...vocab.eogIds);
    for (const id of [...banned, ...spec.logitBias.map(({ tokenId }) => tokenId)]) {
      checkId(id, vocab.size);
    }
    this.#spec = spec;
    this.#size = vocab.size;
    this.#banned = Int32Array.from(banned);
    this.#scratch = scratch;
    this.#penalties = penalises(spec) ? penaltyWindow(spec, promptIds) : undefined;
    this.#promptLength = promptIds.length;
    this.#length = promptIds.length;
  }

  /** Tokens so far: prompt, and what was pushed and not taken back. */
  get length(): number {
    return this.#length;
  }

  /** How sure the last choice was: its perturbed score against the runner-up's alone, 0.5 to 1. At temperature 0 of the scores. */
  get confidence(): number {
    return leadOver(this.#leader);
  }

  /**
   * The token for a position. Changes nothing that a later choice depends on.
   * @param row `size` logits; read only, and not kept
   * @param pos index in the stream's token list of the token being chosen, prompt counted
   * @throws RangeError where the row has another length
   * @throws Error where no logit is finite, or bias leaves none
   */
  choose(row: Float32Array, pos: number): number {
    const { temperature, minP, seed } = this.#spec;
    const scores = this.#scoresOf(row);
    const leader = this.#leader;
    noiseKeys(seed, 0, pos, this.#keys);
    if (temperature > 0 && this.#filtersBySet()) {
      const { kept } = this.#scratch;
      warp(scores, this.#spec, kept);
      leadByNoiseOf(kept, scores, maxOf(scores, kept), temperature, this.#keys, leader);
    } else {
      leadByScore(scores, leader);
      if (temperature > 0 && leader.token >= 0) {
        const cut = leader.score + Math.log(minP);
        leadByNoise(scores, cut, temperature, this.#keys, leader);
      }
    }
    if (leader.token < 0) throw nothingToChoose();
    return leader.token;
  }

  /** Takes the next token of the stream, chosen here or not. */
  push(token: number): void {
    this.#penalties?.push(token);
    this.#length++;
  }

  /**
   * Takes back the tokens from index `length` on.
   * @throws RangeError where that is more than there are tokens, or less than the prompt has
   */
  truncate(length: number): void {
    if (!(length >= this.#promptLength && length <= this.#length)) {
      throw new RangeError(
        `cannot truncate to ${length} tokens: the prompt has ${this.#promptLength}, the stream ${this.#length}`,
      );
    }
    this.#penalties?.truncate(length);
    this.#length = length;
  }

  /**
   * Probability of a token at temperature 1 after bias and penalties, among all tokens of the row, 0 to 1.
   * @throws as `choose`; RangeError where the token is outside the vocabulary
   */
  probabilityOf(row: Float32Array, token: number): number {
    checkId(token, this.#size);
    const scores = this.#scoresOf(row);
    const max = largest(scores);
    if (max === -Infinity) throw nothingToChoose();
    const share = (scores[token] ?? NaN) - max;
    return share <= 0 ? weight(share) / massOf(scores, max) : 0;
  }

  /** Whether a filter is on that needs more than a cut relative to the best score. */
  #filtersBySet(): boolean {
    const { topK, typicalP, topP } = this.#spec;
    return (topK > 0 && topK < this.#size) || typicalP < 1 || topP < 1;
  }

  /** The row itself where neither bias nor penalties change it, else a changed copy. */
  #scoresOf(row: Float32Array): Float32Array {
    if (row.length !== this.#size) {
      throw new RangeError(`a row has ${row.length} logits, the vocabulary ${this.#size} tokens`);
    }
    const { logitBias } = this.#spec;
    if (logitBias.length === 0 && this.#banned.length === 0 && this.#penalties === undefined) {
      return row;
    }
    const scores = this.#scratch.scores(this.#size);
    scores.set(row);
    for (const { tokenId, bias } of logitBias) scores[tokenId] = (scores[tokenId] ?? NaN) + bias;
    for (const id of this.#banned) scores[id] = -Infinity;
    this.#penalties?.apply(scores);
    return scores;
  }
}

function penalises(spec: SamplingSpec): boolean {
  const { repetitionPenalty, presencePenalty, frequencyPenalty, penaltyLastN } = spec;
  const neutral = repetitionPenalty === 1 && presencePenalty === 0 && frequencyPenalty === 0;
  return !neutral && penaltyLastN > 0;
}

function penaltyWindow(spec: SamplingSpec, promptIds: ArrayLike<number>): PenaltyWindow {
  const penalties = {
    repetition: spec.repetitionPenalty,
    presence: spec.presencePenalty,
    frequency: spec.frequencyPenalty,
    lastN: spec.penaltyLastN,
  };
  return new PenaltyWindow(penalties, promptIds);
}

function checkId(id: number, size: number): void {
  if (!(Number.isInteger(id) && id >= 0 && id < size)) {
    throw new RangeError(`token ${id} is outside the vocabulary of ${size} tokens`);
  }
}

function nothingToChoose(): Error {
  return new Error('no token can be chosen: the row has no finite logit, or bias leaves none');
}
