import { type Candidates } from './candidates.js';
import { MAX_NOISE, noiseAt, noiseBound } from './gumbel.js';

/** The best of a row and how close the next one came. Written in place, so that a row costs no allocation. */
export interface Leader {
  /** Token id; -1 where no score of the row is finite. */
  token: number;
  score: number;
  /** Second best score; -Infinity where there is none. */
  runnerUp: number;
}

/** The largest finite score, ties to the lowest id. */
export function leadByScore(scores: Float32Array, leader: Leader): void {
  let token = -1;
  let best = -Infinity;
  let second = -Infinity;
  for (let id = 0; id < scores.length; id++) {
    const score = scores[id] ?? NaN;
    if (score > second && score < Infinity) {
      if (score > best) {
        second = best;
        best = score;
        token = id;
      } else {
        second = score;
      }
    }
  }
  leader.token = token;
  leader.score = best;
  leader.runnerUp = second;
}

/**
 * The largest (score - max) / temperature + noise over all finite scores not below a cut: an exact sample of their
 * softmax. Noise is worked out only for tokens that could still come first or second.
 * @param keys of the row, from `noiseKeys`
 * @param leader holds the largest score and its token on entry, the choice on return
 */
export function leadByNoise(
  scores: Float32Array,
  cut: number,
  temperature: number,
  keys: Int32Array,
  leader: Leader,
): void {
  const k0 = keys[0] ?? 0;
  const k1 = keys[1] ?? 0;
  const first = leader.token;
  const max = leader.score;
  leader.score = noiseAt(k0, k1, first);
  leader.runnerUp = -Infinity;
  let floor = cut;
  for (let id = 0; id < scores.length; id++) {
    const score = scores[id] ?? NaN;
    if (!(score >= floor && score <= max) || id === first) continue;
    const base = (score - max) / temperature;
    if (base + noiseBound(k0, k1, id) <= leader.runnerUp) continue;
    enter(leader, id, base + noiseAt(k0, k1, id));
    floor = Math.max(cut, max + (leader.runnerUp - MAX_NOISE) * temperature);
  }
}

/** As `leadByNoise`, over the tokens of a set. */
export function leadByNoiseOf(
  set: Candidates,
  scores: Float32Array,
  max: number,
  temperature: number,
  keys: Int32Array,
  leader: Leader,
): void {
  const k0 = keys[0] ?? 0;
  const k1 = keys[1] ?? 0;
  leader.token = -1;
  leader.score = -Infinity;
  leader.runnerUp = -Infinity;
  for (let i = 0; i < set.count; i++) {
    const id = set.ids[i] ?? 0;
    const base = ((scores[id] ?? NaN) - max) / temperature;
    enter(leader, id, base + noiseAt(k0, k1, id));
  }
}

/** Chance of the leader against the runner-up alone, 0.5 to 1. */
export function leadOver(leader: Leader): number {
  return 1 / (1 + Math.exp(leader.runnerUp - leader.score));
}

function enter(leader: Leader, id: number, score: number): void {
  if (score > leader.score || (score === leader.score && id < leader.token)) {
    leader.runnerUp = leader.score;
    leader.score = score;
    leader.token = id;
  } else if (score > leader.runnerUp) {
    leader.runnerUp = score;
  }
}
