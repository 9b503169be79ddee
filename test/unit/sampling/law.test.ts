import { describe, expect, it } from '@jest/globals';
import { Chooser } from '../../../server/src/engine/sampling/chooser.js';
import { chiSquare, chiSquareLimit, softmax } from './chi-square.js';
import { plainSpec } from './plain-spec.js';

const SIZE = 12;
const vocab = { size: SIZE, eogIds: [] };
const logits = Float32Array.of(1.5, 0.3, -0.7, 2, 0, -1.2, 0.9, -2, 1, -0.4, 0.1, 0.6);

function draws(seed: number, count: number, temperature = 1): number[] {
  const chooser = new Chooser(plainSpec({ seed, temperature }), vocab, []);
  return Array.from({ length: count }, (_, pos) => chooser.choose(logits, pos));
}

function tally(values: readonly number[], cells: number): number[] {
  const counts = Array.from({ length: cells }, () => 0);
  for (const value of values) counts[value] = (counts[value] ?? 0) + 1;
  return counts;
}

describe('the law of choices', () => {
  it.each([
    [1, 1],
    [7, 1],
    [123_456_789, 0.7],
    [0xffff_ffff, 1.6],
  ])('over positions of seed %i at temperature %d is the softmax', (seed, temperature) => {
    const count = 200_000;
    const expected = softmax(logits, temperature).map(p => p * count);

    const counts = tally(draws(seed, count, temperature), SIZE);

    expect(chiSquare(counts, expected)).toBeLessThan(chiSquareLimit(SIZE - 1));
  });

  it('over seeds at one position is the softmax', () => {
    const count = 40_000;
    const expected = softmax(logits).map(p => p * count);
    const chosen = Array.from({ length: count }, (_, seed) =>
      new Chooser(plainSpec({ seed }), vocab, []).choose(logits, 17),
    );

    expect(chiSquare(tally(chosen, SIZE), expected)).toBeLessThan(chiSquareLimit(SIZE - 1));
  });

  it.each([1, 2])('of two positions %i apart is the product of their laws', distance => {
    const chosen = draws(3, 200_000);
    const pairs = chosen.slice(distance).map((token, i) => token * SIZE + (chosen[i] ?? 0));
    const p = softmax(logits);
    const expected = p.flatMap(a => p.map(b => a * b * pairs.length));

    expect(chiSquare(tally(pairs, SIZE * SIZE), expected)).toBeLessThan(
      chiSquareLimit(SIZE * SIZE - 1),
    );
  });

  it('of three neighbours is the product of their laws', () => {
    const size = 4;
    const row = logits.slice(0, size);
    const chooser = new Chooser(plainSpec({ seed: 21 }), { size, eogIds: [] }, []);
    const chosen = Array.from({ length: 200_000 }, (_, pos) => chooser.choose(row, pos));
    const triples = chosen
      .slice(2)
      .map((token, i) => (token * size + (chosen[i + 1] ?? 0)) * size + (chosen[i] ?? 0));
    const p = softmax(row);
    const expected = p.flatMap(a => p.flatMap(b => p.map(c => a * b * c * triples.length)));

    expect(chiSquare(tally(triples, size ** 3), expected)).toBeLessThan(
      chiSquareLimit(size ** 3 - 1),
    );
  });

  it('of two seeds at the same positions is the product of their laws', () => {
    const [one, other] = [draws(4, 200_000), draws(5, 200_000)];
    const pairs = one.map((token, i) => token * SIZE + (other[i] ?? 0));
    const p = softmax(logits);
    const expected = p.flatMap(a => p.map(b => a * b * pairs.length));

    expect(chiSquare(tally(pairs, SIZE * SIZE), expected)).toBeLessThan(
      chiSquareLimit(SIZE * SIZE - 1),
    );
  });
});

describe('two models that share a seed', () => {
  it.each([0.3, 1, 3])('agree as often as the coupling formula says, draft off by %d', error => {
    const count = 100_000;
    const target = new Chooser(plainSpec({ seed: 77 }), vocab, []);
    const draft = new Chooser(plainSpec({ seed: 77 }), vocab, []);
    const guessed = logits.map((logit, id) => logit + error * Math.sin(5 * id + 1));
    const [p, q] = [softmax(logits), softmax(guessed)];
    const rate = p.reduce((sum, px, x) => {
      const qx = q[x] ?? NaN;
      const rivals = p.reduce((all, py, y) => all + Math.max(py / px, (q[y] ?? NaN) / qx), 0);
      return sum + 1 / rivals;
    }, 0);

    let agreed = 0;
    for (let pos = 0; pos < count; pos++) {
      if (target.choose(logits, pos) === draft.choose(guessed, pos)) agreed++;
    }

    const sigma = Math.sqrt((rate * (1 - rate)) / count);
    expect(Math.abs(agreed / count - rate)).toBeLessThan(4 * sigma);
  });
});
