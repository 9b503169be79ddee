import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { type SamplingSpec } from '../../../server/src/engine/protocol.js';
import { Chooser } from '../../../server/src/engine/sampling/chooser.js';
import { walk } from '../../../server/src/engine/sampling/walk.js';
import { plainSpec } from './plain-spec.js';

const SIZE = 3;
const DEPTH = 4;
const END = 2;
const prompt = [0, 1];

/** A model that is a table: logits as a function of the whole prefix. */
function tableModel(table: number): (prefix: readonly number[]) => Float32Array {
  return prefix =>
    Float32Array.from({ length: SIZE }, (_, id) => {
      const code = prefix.reduce((sum, token) => sum * 5 + token + 1, table * 7 + id * 3);
      return 2 * Math.sin(code * 12.9898);
    });
}

const vocabulary = (ends: boolean): { size: number; eogIds: number[] } => ({
  size: SIZE,
  eogIds: ends ? [END] : [],
});

function plainDecode(spec: SamplingSpec, table: number, ends: boolean): number[] {
  const model = tableModel(table);
  const chooser = new Chooser(spec, vocabulary(ends), prompt);
  const tokens = [...prompt];
  while (tokens.length < prompt.length + DEPTH) {
    const token = chooser.choose(model(tokens), tokens.length);
    chooser.push(token);
    tokens.push(token);
    if (ends && token === END) break;
  }
  return tokens;
}

/** Decodes with drafts proposed for the tokens from the given index on, however wrong; `ask` is told how many are wanted at most. */
function speculate(
  spec: SamplingSpec,
  table: number,
  ends: boolean,
  ask: (at: number, most: number) => readonly number[],
): { tokens: number[]; accepted: number } {
  const model = tableModel(table);
  const chooser = new Chooser(spec, vocabulary(ends), prompt);
  const tokens = [...prompt];
  let accepted = 0;
  while (tokens.length < prompt.length + DEPTH && !(ends && tokens.at(-1) === END)) {
    const at = tokens.length;
    const drafted = ask(at - prompt.length, prompt.length + DEPTH - at - 1);
    const rows = Array.from({ length: drafted.length + 1 }, (_, i) =>
      model([...tokens, ...drafted.slice(0, i)]),
    );
    const verdict = walk(
      drafted,
      index => {
        const token = chooser.choose(rows[index] ?? new Float32Array(SIZE), at + index);
        chooser.push(token);
        return token;
      },
      token => ends && token === END,
    );
    tokens.push(...verdict.tokens);
    accepted += verdict.accepted;
  }
  return { tokens, accepted };
}

const chains = Array.from({ length: SIZE ** DEPTH }, (_, code) =>
  Array.from({ length: DEPTH }, (_, i) => Math.floor(code / SIZE ** i) % SIZE),
);

describe('speculation over a table model', () => {
  it.each([
    { temperature: 0, ends: false },
    { temperature: 0, ends: true },
    { temperature: 1, ends: false },
    { temperature: 1, ends: true },
  ])(
    'equals plain decoding for every draft chain and length ($temperature, $ends)',
    ({ temperature, ends }) => {
      let accepted = 0;
      let compared = 0;
      for (let table = 0; table < 6; table++) {
        const spec = plainSpec({
          temperature,
          seed: table + 1,
          repetitionPenalty: 1.2,
          frequencyPenalty: 0.3,
          penaltyLastN: 3,
        });
        const plain = plainDecode(spec, table, ends);
        for (const chain of chains) {
          for (let most = 0; most <= 4; most++) {
            const run = speculate(spec, table, ends, (at, room) =>
              chain.slice(at, at + Math.min(most, room)),
            );
            expect(run.tokens).toEqual(plain);
            accepted += run.accepted;
            compared++;
          }
        }
      }

      expect(compared).toBe(6 * 81 * 5);
      expect(accepted).toBeGreaterThan(0);
    },
  );

  it('equals plain decoding when a second chooser drafts, however wrong its model is and whenever it rolls back', () => {
    const setting = fc.record({
      temperature: fc.constantFrom(0, 0.7, 1),
      topK: fc.nat(3),
      topP: fc.constantFrom(1, 0.8),
      minP: fc.constantFrom(0, 0.1),
      repetitionPenalty: fc.constantFrom(1, 1.4),
      seed: fc.nat(),
    });
    fc.assert(
      fc.property(
        setting,
        fc.nat(50),
        fc.nat(50),
        fc.array(fc.nat(4)),
        (over, table, other, plan) => {
          const spec = plainSpec(over);
          const guess = tableModel(other);
          const chooser = new Chooser(spec, vocabulary(true), prompt);
          const mine = [...prompt];
          const plain = plainDecode(spec, table, true);

          const run = speculate(spec, table, true, (at, room) => {
            const known = plain.slice(0, prompt.length + at);
            const same = known.findIndex((token, i) => token !== mine[i]);
            const keep = Math.max(prompt.length, same === -1 ? known.length : same);
            chooser.truncate(Math.min(keep, mine.length));
            mine.length = Math.min(keep, mine.length);
            for (const token of known.slice(mine.length)) {
              chooser.push(token);
              mine.push(token);
            }
            const want = Math.min(room, plan[at] ?? 2);
            for (let i = 0; i < want; i++) {
              const token = chooser.choose(guess(mine), mine.length);
              chooser.push(token);
              mine.push(token);
            }
            return mine.slice(known.length);
          });

          expect(run.tokens).toEqual(plain);
        },
      ),
      { seed: 10, numRuns: 1_000 },
    );
  });

  it('accepts everything from a draft that is the target itself', () => {
    const spec = plainSpec({ seed: 3 });
    const plain = plainDecode(spec, 1, false).slice(prompt.length);

    const run = speculate(spec, 1, false, (at, room) => plain.slice(at, at + room));

    expect(run.accepted).toBe(DEPTH - 1);
  });
});
