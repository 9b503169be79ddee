import { type Candidates } from './candidates.js';
import { largest, weight } from './weight.js';

/** Which tokens of a row may be chosen. Probabilities are those at temperature 1. */
export interface Filters {
  /** Largest scores kept; 0 is off. */
  readonly topK: number;
  /** Mass kept around the expected information, (0, 1]; 1 is off. */
  readonly typicalP: number;
  /** Mass kept from the top, (0, 1]; 1 is off. */
  readonly topP: number;
  /** Least probability relative to the best, [0, 1]; 0 is off. */
  readonly minP: number;
}

/** Width of the first compaction, in nats; most rows have their mass within it. */
const FIRST_REACH = 8;

/**
 * Collects the tokens that all filters keep, in the order top-k, typical, top-p, min-p; each sees what the one
 * before it left. At least one token is kept if any score is finite, none otherwise; scores that are not finite
 * never are. Ties at a cut go to the lower id. Sums run in the order of the set at hand: ids at first, then that of
 * the last filter.
 */
export function warp(scores: Float32Array, filters: Filters, kept: Candidates): void {
  const { topK, minP } = filters;
  if (topK > 0 && topK < scores.length) {
    keepLargest(scores, topK, kept);
    if (filters.typicalP < 1) keepTypicalOfSet(scores, filters.typicalP, kept);
    if (filters.topP < 1) keepTopOfSet(scores, filters.topP, kept);
  } else {
    filterRow(scores, filters, kept);
  }
  if (minP > 0) keepAbove(scores, maxOf(scores, kept) + Math.log(minP), kept);
}

/** Largest score of a set. */
export function maxOf(scores: Float32Array, set: Candidates): number {
  let max = -Infinity;
  for (let i = 0; i < set.count; i++) max = Math.max(max, scoreAt(scores, set, i));
  return max;
}

function scoreAt(scores: Float32Array, set: Candidates, index: number): number {
  return scores[set.ids[index] ?? 0] ?? -Infinity;
}

/** Typical and top-p where all tokens of the row are at hand. */
function filterRow(scores: Float32Array, filters: Filters, kept: Candidates): void {
  const { typicalP, topP, minP } = filters;
  const max = largest(scores);
  if (typicalP < 1) {
    keepTypicalOfRow(scores, max, typicalP, kept);
    if (topP < 1) keepTopOfSet(scores, topP, kept);
  } else if (topP < 1) {
    keepTopOfRow(scores, max, topP, minP, kept);
  } else {
    collect(scores, max, -Infinity, Infinity, kept);
  }
}

/** The k largest, best first. Ids are stored inverted while they are in the heap, so that of equal scores the higher id leaves first. */
function keepLargest(scores: Float32Array, k: number, kept: Candidates): void {
  kept.count = 0;
  let id = 0;
  for (; id < scores.length && kept.count < k; id++) {
    const score = scores[id] ?? NaN;
    if (score > -Infinity && score < Infinity) kept.add(~id, score);
  }
  kept.heapify();
  let least = kept.keys[0] ?? Infinity;
  for (; id < scores.length; id++) {
    const score = scores[id] ?? NaN;
    if (score > least && score < Infinity) {
      kept.replaceFirst(~id, score);
      least = kept.keys[0] ?? Infinity;
    }
  }
  for (let size = kept.count; size > 1; size--) kept.retireFirst(size);
  for (let i = 0; i < kept.count; i++) kept.ids[i] = ~(kept.ids[i] ?? 0);
}

/** With p = e^score / Z, |-ln p - entropy| is the distance of a score from the expected score: no logarithm is needed. */
function keepTypicalOfSet(scores: Float32Array, limit: number, kept: Candidates): void {
  const max = maxOf(scores, kept);
  let mass = 0;
  let moment = 0;
  for (let i = 0; i < kept.count; i++) {
    const below = scoreAt(scores, kept, i) - max;
    const share = weight(below);
    mass += share;
    moment += share * below;
  }
  const expected = max + moment / mass;
  for (let i = 0; i < kept.count; i++) {
    kept.keys[i] = Math.abs(expected - scoreAt(scores, kept, i));
  }
  keepMass(scores, max, limit * mass, kept);
}

function keepTypicalOfRow(
  scores: Float32Array,
  max: number,
  limit: number,
  kept: Candidates,
): void {
  let allowed = 0;
  let mass = 0;
  let moment = 0;
  for (let id = 0; id < scores.length; id++) {
    const below = (scores[id] ?? NaN) - max;
    if (!(below <= 0 && below > -Infinity)) continue;
    const share = weight(below);
    allowed++;
    mass += share;
    moment += share * below;
  }
  const expected = max + moment / mass;
  for (let reach = FIRST_REACH; ; reach = further(reach)) {
    collect(scores, max, expected - reach, expected + reach, kept);
    for (let i = 0; i < kept.count; i++) {
      kept.keys[i] = Math.abs(expected - scoreAt(scores, kept, i));
    }
    const complete = kept.count === allowed;
    if (keepMass(scores, max, limit * mass, kept) || complete) return;
  }
}

/** The next width to try. Beyond 708 nats every weight is zero. */
function further(reach: number): number {
  return reach < 500 ? reach * 3 : Infinity;
}

function keepTopOfSet(scores: Float32Array, limit: number, kept: Candidates): void {
  const max = maxOf(scores, kept);
  let mass = 0;
  for (let i = 0; i < kept.count; i++) {
    const score = scoreAt(scores, kept, i);
    mass += weight(score - max);
    kept.keys[i] = -score;
  }
  keepMass(scores, max, limit * mass, kept);
}

function keepTopOfRow(
  scores: Float32Array,
  max: number,
  limit: number,
  minP: number,
  kept: Candidates,
): void {
  let allowed = 0;
  let mass = 0;
  for (let id = 0; id < scores.length; id++) {
    const below = (scores[id] ?? NaN) - max;
    if (!(below <= 0 && below > -Infinity)) continue;
    allowed++;
    mass += weight(below);
  }
  // What min-p drops anyway need not be ordered; one nat more than its cut, so that rounding cannot matter.
  const furthest = 1 - Math.log(minP);
  for (let reach = Math.min(FIRST_REACH, furthest); ; reach = Math.min(further(reach), furthest)) {
    collect(scores, max, max - reach, max, kept);
    for (let i = 0; i < kept.count; i++) kept.keys[i] = -scoreAt(scores, kept, i);
    const complete = kept.count === allowed || reach >= furthest;
    if (keepMass(scores, max, limit * mass, kept) || complete) return;
  }
}

/** The finite scores of a row between two values, ends included, in the order of ids. */
function collect(
  scores: Float32Array,
  max: number,
  low: number,
  high: number,
  kept: Candidates,
): void {
  kept.count = 0;
  const top = Math.min(max, high);
  for (let id = 0; id < scores.length; id++) {
    const score = scores[id] ?? NaN;
    if (score >= low && score <= top && score > -Infinity) kept.add(id, 0);
  }
}

/** Keeps entries by ascending key until their mass is reached; false where all of them together fall short. */
function keepMass(scores: Float32Array, max: number, enough: number, kept: Candidates): boolean {
  kept.heapify();
  let mass = 0;
  let size = kept.count;
  while (size > 0 && mass < enough) {
    mass += weight(scoreAt(scores, kept, 0) - max);
    kept.retireFirst(size);
    size--;
  }
  kept.reverse();
  kept.count -= size;
  return mass >= enough;
}

function keepAbove(scores: Float32Array, cut: number, kept: Candidates): void {
  let count = 0;
  for (let i = 0; i < kept.count; i++) {
    if (scoreAt(scores, kept, i) >= cut) {
      kept.ids[count] = kept.ids[i] ?? 0;
      count++;
    }
  }
  kept.count = count;
}
