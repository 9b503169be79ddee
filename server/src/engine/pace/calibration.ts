import { Estimate, Frequencies } from './estimate.js';
import { PairLosses } from './ledger.js';
import { ProbeBudget } from './probes.js';
import { CONFIDENCE_MIDDLES } from './value.js';

const matchEdges = [2, 3, 4, 6, 9, 17];
const depthEdges = [1, 2, 3, 5, 9];
const modelBins = CONFIDENCE_MIDDLES.length;
const bins = modelBins + matchEdges.length * depthEdges.length;

const pairHalfLife = 200;
const streamHalfLife = 100;
/** ā follows the text, which changes faster than how sure a draft is when it is right. */
const streamMeanHalfLife = 40;
const priorStrength = 4;
const shrinkage = 12;
const usualAcceptance = 0.75;
const usualMatch = 0.5;
const shiftRate = 0.15;
const mostShift = 4;
const bandEdges = [0, 0.5, 0.9];
const doubtWeight = 6;
/** Outcomes of a draft model that tell enough of it. */
const enough = 24;

/**
 * Bin of a token copied from the text, to be used like a confidence bin.
 * @param matchLength tokens before the copy that agree with the text, at least 2
 * @param depth how manieth token of the copy it is, from 1
 */
export function ngramBin(matchLength: number, depth: number): number {
  return modelBins + rank(matchEdges, matchLength) * depthEdges.length + rank(depthEdges, depth);
}

/**
 * How often drafted tokens of a confidence were accepted, given that all before them were: what is known of a pair of
 * models. Lives as long as the pair; where a target copies from its text alone, as long as the target.
 */
export class PairCalibration {
  readonly #all = new Band();
  readonly #bands = bandEdges.concat(Infinity).map(() => new Band(this.#all));
  readonly #budget = new ProbeBudget();

  /** What a new stream begins with: its own outcomes, added to those of the pair at about its temperature. */
  stream(temperature: number): StreamCalibration {
    const band = this.#bands[bandEdges.filter(edge => temperature > edge).length];
    return new StreamCalibration(band ?? this.#all, this.#budget);
  }
}

/** Outcomes of one stream, shrunk to those of its pair. */
export class StreamCalibration {
  /** What all streams of the pair may spend on probes. */
  readonly budget: ProbeBudget;
  /** What speculation has cost the streams of the pair. */
  readonly losses: PairLosses;
  readonly #pair: Band;
  readonly #bins = Array.from({ length: bins }, () => new Estimate(streamHalfLife));
  readonly #mean = new Estimate(streamMeanHalfLife);
  readonly #first = new Frequencies(modelBins, streamMeanHalfLife);

  /** Made by `PairCalibration.stream`. */
  constructor(pair: Band, budget: ProbeBudget) {
    this.#pair = pair;
    this.budget = budget;
    this.losses = pair.losses;
  }

  /** Whether next to nothing is known of the pair's draft model, at any temperature. */
  get unknown(): boolean {
    return this.#pair.outcomes < enough;
  }

  /** Chance that the draft model's next token is accepted, given that it was right before, its confidence unknown. */
  get meanAcceptance(): number {
    return this.#mean.mean(this.#pair.meanAcceptance, shrinkage);
  }

  /** Chance that a token of a bin, from `confidenceBin` or `ngramBin`, is accepted when all before it were. */
  acceptanceOf(bin: number): number {
    const prior = this.#pair.acceptanceOf(bin);
    return this.#bins[bin]?.mean(prior, shrinkage) ?? prior;
  }

  /** The same of every confidence bin. */
  acceptances(): number[] {
    return CONFIDENCE_MIDDLES.map((_, bin) => this.acceptanceOf(bin));
  }

  /** How often the first token of a draft is of each confidence bin; adds up to 1. */
  firstShares(): number[] {
    return CONFIDENCE_MIDDLES.map((_, bin) =>
      this.#first.share(bin, this.#pair.firstShare(bin), shrinkage),
    );
  }

  /**
   * Takes the outcome of a token that was reached: every one before it was right.
   * @param depth how many of its draft lie before it
   */
  observe(bin: number, accepted: boolean, depth: number): void {
    this.#bins[bin]?.observe(accepted);
    if (bin < modelBins && depth > 0) this.#mean.observe(accepted);
    if (bin < modelBins && depth === 0) this.#first.observe(bin);
    this.#pair.observe(bin, accepted, depth);
  }

  /** Lets the next outcomes count for more than the past ones of this stream, because the text has changed. */
  doubt(): void {
    this.#mean.doubt(doubtWeight);
    this.#first.doubt(doubtWeight);
    for (const bin of this.#bins) bin.doubt(doubtWeight);
  }
}

/** Outcomes of a pair in one band of temperatures, shrunk to those of all bands; or those of all. */
class Band {
  readonly losses = new PairLosses();
  readonly #all: Band | undefined;
  #outcomes = 0;
  readonly #bins = Array.from({ length: bins }, () => new Estimate(pairHalfLife));
  readonly #mean = new Estimate(pairHalfLife);
  readonly #first = new Frequencies(modelBins, pairHalfLife);
  readonly #model = new Shift();
  readonly #ngram = new Shift();

  constructor(all?: Band) {
    this.#all = all;
  }

  /** Of the draft model, in all bands. */
  get outcomes(): number {
    return this.#all?.outcomes ?? this.#outcomes;
  }

  get meanAcceptance(): number {
    return this.#mean.mean(this.#all?.meanAcceptance ?? usualAcceptance, priorStrength);
  }

  acceptanceOf(bin: number): number {
    const prior = this.#all?.acceptanceOf(bin) ?? this.#prior(bin);
    return this.#bins[bin]?.mean(prior, priorStrength) ?? 0;
  }

  firstShare(bin: number): number {
    const prior = this.#all?.firstShare(bin) ?? 1 / modelBins;
    return this.#first.share(bin, prior, priorStrength);
  }

  observe(bin: number, accepted: boolean, depth: number): void {
    this.#all?.observe(bin, accepted, depth);
    if (bin < modelBins) this.#outcomes++;
    const error = (accepted ? 1 : 0) - this.#prior(bin);
    if (bin < modelBins) {
      this.#model.observe(error);
      if (depth > 0) this.#mean.observe(accepted);
      else this.#first.observe(bin);
    } else this.#ngram.observe(error);
    this.#bins[bin]?.observe(accepted);
  }

  #prior(bin: number): number {
    const middle = CONFIDENCE_MIDDLES[bin] ?? usualMatch;
    const factor = bin < modelBins ? this.#model.factor : this.#ngram.factor;
    return middle / (middle + (1 - middle) * factor);
  }
}

/** How far a source is surer than it should be, in log odds: learned from all bins before any one of them is known. */
class Shift {
  #logOdds = 0;
  /** What the odds of a miss are to be multiplied by. */
  factor = 1;

  observe(error: number): void {
    const moved = this.#logOdds + shiftRate * error;
    this.#logOdds = Math.min(mostShift, Math.max(-mostShift, moved));
    this.factor = Math.exp(-this.#logOdds);
  }
}

function rank(edges: readonly number[], value: number): number {
  return Math.max(0, edges.filter(edge => value >= edge).length - 1);
}
