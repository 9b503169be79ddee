import { type SamplingSpec } from '../../../server/src/engine/protocol.js';
import { noiseAt, noiseKeys } from '../../../server/src/engine/sampling/gumbel.js';

/** Token ids that the filters keep, by sorting whole lists; `scores` after bias and penalties. */
export function referenceKept(scores: readonly number[], spec: SamplingSpec): number[] {
  const score = (id: number): number => scores[id] ?? NaN;
  const best = (a: number, b: number): number => score(b) - score(a) || a - b;
  let set = [...scores.keys()].filter(id => Number.isFinite(score(id)));
  if (spec.topK > 0) set = [...set].sort(best).slice(0, spec.topK);
  if (spec.typicalP < 1) {
    const share = shares(set.map(score));
    const entropy = -share.reduce((sum, p) => sum + (p > 0 ? p * Math.log(p) : 0), 0);
    const top = Math.max(...set.map(score));
    const mass = set.reduce((sum, id) => sum + Math.exp(score(id) - top), 0);
    // -ln p from the score, because p itself may have underflowed.
    const surprise = (id: number): number => Math.abs(Math.log(mass) + top - score(id) - entropy);
    const order = [...set].sort((a, b) =>
      score(a) === score(b) ? a - b : surprise(a) - surprise(b) || a - b,
    );
    set = upToMass(order, score, spec.typicalP, set);
  }
  if (spec.topP < 1) set = upToMass([...set].sort(best), score, spec.topP, set);
  if (spec.minP > 0) {
    const cut = Math.max(...set.map(score)) + Math.log(spec.minP);
    set = set.filter(id => score(id) >= cut);
  }
  return set;
}

/** What `Chooser.choose` must return for scores after bias and penalties. */
export function referenceChoice(
  scores: readonly number[],
  spec: SamplingSpec,
  pos: number,
): { token: number; confidence: number } {
  const greedy = spec.temperature === 0;
  const plain = { ...spec, topK: 0, topP: 1, minP: 0, typicalP: 1 };
  const kept = referenceKept(scores, greedy ? plain : spec);
  const max = Math.max(...kept.map(id => scores[id] ?? NaN));
  const keys = new Int32Array(2);
  noiseKeys(spec.seed, 0, pos, keys);
  const ranked = kept
    .map(id => {
      const score = scores[id] ?? NaN;
      const noise = noiseAt(keys[0] ?? 0, keys[1] ?? 0, id);
      return { id, value: greedy ? score : (score - max) / spec.temperature + noise };
    })
    .sort((a, b) => b.value - a.value || a.id - b.id);
  const [first, second] = ranked;
  const lead = (second?.value ?? -Infinity) - (first?.value ?? NaN);
  return { token: first?.id ?? -1, confidence: 1 / (1 + Math.exp(lead)) };
}

function shares(scores: readonly number[]): number[] {
  const max = Math.max(...scores);
  const weights = scores.map(score => Math.exp(score - max));
  const mass = weights.reduce((sum, weight) => sum + weight, 0);
  return weights.map(weight => weight / mass);
}

function upToMass(
  order: readonly number[],
  score: (id: number) => number,
  limit: number,
  set: readonly number[],
): number[] {
  const max = Math.max(...set.map(score));
  const weight = (id: number): number => Math.exp(score(id) - max);
  const enough = limit * set.reduce((sum, id) => sum + weight(id), 0);
  let mass = 0;
  return order.filter(id => {
    const needed = mass < enough;
    mass += weight(id);
    return needed;
  });
}
