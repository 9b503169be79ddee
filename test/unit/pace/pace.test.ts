import { describe, expect, it } from '@jest/globals';
import {
  bestFixedSpeedup,
  type Machine,
  newPair,
  paced,
  passCosts,
  seeded,
  TABLES,
  twoStateText,
} from './simulation.js';

const names = Object.keys(TABLES) as (keyof typeof TABLES)[];
const acceptances = [0.2, 0.5, 0.8, 0.9];
const cases = names.flatMap(name =>
  [500, 2_000].map(draftUs => ({ name, draftUs, costs: passCosts(name) })),
);
const drafting = ['f32, 1', 'f32, 2', 'bf16, 2', 'q8_0, 2', 'q4_0, 2'] as const;

/** A machine on which no two passes take the same time, and whose pace changes by a fifth in both directions. */
function noisy(machine: Machine, seed: number): Machine {
  const random = seeded(seed);
  const phase = 2 * Math.PI * random();
  return {
    ...machine,
    noise: () => 0.9 + 0.2 * random(),
    drift: us => 1 + 0.2 * Math.sin(us / 6e6 + phase),
  };
}

describe('the pace of a stream, in a simulation over measured pass times', () => {
  it.each(cases)(
    'is that of plain decoding at least, and of the best fixed length: $name, a draft step of $draftUs us',
    machine => {
      for (const acceptance of acceptances) {
        const text = twoStateText(2_000, () => acceptance, 7);
        const { speedup } = paced(machine, newPair(machine), text);

        expect(speedup).toBeGreaterThan(0.98);
        expect(speedup / bestFixedSpeedup(machine, text)).toBeGreaterThan(0.98);
      }
    },
  );

  it('is a tenth above the best fixed length where drafting pays at all', () => {
    const ratios = drafting.flatMap(name =>
      [0.5, 0.8].map(acceptance => {
        const machine = { draftUs: 500, costs: passCosts(name) };
        const text = twoStateText(2_000, () => acceptance, 11);
        return paced(machine, newPair(machine), text).speedup / bestFixedSpeedup(machine, text);
      }),
    );

    expect(Math.exp(mean(ratios.map(Math.log)))).toBeGreaterThan(1.1);
  });

  it.each(names)('is no slower where the draft is equally sure of everything: %s', name => {
    const machine = { draftUs: 1_000, costs: passCosts(name) };
    const text = twoStateText(2_000, () => 0.7, 7, 'none');

    expect(paced(machine, newPair(machine), text).speedup).toBeGreaterThan(0.98);
  });

  it.each(names)('holds on a noisy machine that drifts: %s', name => {
    const machine = { draftUs: 500, costs: passCosts(name) };
    for (const acceptance of [0.2, 0.8]) {
      const text = twoStateText(1_500, () => acceptance, 7);

      expect(paced(noisy(machine, 3), newPair(machine), text).speedup).toBeGreaterThan(0.98);
    }
  });

  it.each(names)('follows a text that is easy and hard in turns: %s', name => {
    const machine = { draftUs: 500, costs: passCosts(name) };
    const text = twoStateText(3_000, i => (Math.floor(i / 500) % 2 === 0 ? 0.9 : 0.2), 7);

    const { speedup } = paced(machine, newPair(machine), text);

    expect(speedup).toBeGreaterThan(0.98);
    expect(speedup / bestFixedSpeedup(machine, text)).toBeGreaterThan(0.95);
  });

  it.each(names)(
    'holds where passes of several rows take 1.6 times what was measured: %s',
    name => {
      const measured = { draftUs: 500, costs: passCosts(name) };
      const costs = measured.costs.map(({ rows, durationUs }) => ({
        rows,
        durationUs: rows === 1 ? durationUs : 1.6 * durationUs,
      }));
      const text = twoStateText(1_500, () => 0.5, 7);

      const { speedup } = paced({ ...measured, costs }, newPair(measured), text);

      expect(speedup).toBeGreaterThan(0.98);
    },
  );

  it.each(names)('holds where nothing was measured at load: %s', name => {
    const machine = { draftUs: 1_000, costs: passCosts(name) };
    const text = twoStateText(1_500, () => 0.8, 7);

    const { speedup } = paced(machine, newPair({ ...machine, costs: [] }), text);

    expect(speedup).toBeGreaterThan(0.975);
  });
});

describe('the pace of short streams', () => {
  it.each(['f32, 2', 'bf16, 2', 'q8_0, 2'] as const)(
    'is the same where passes are interrupted now and then: %s',
    name => {
      const meanSpeedup = (noise?: () => number): number => {
        const calm = { draftUs: 1_000, costs: passCosts(name) };
        const machine = noise === undefined ? calm : { ...calm, noise };
        const learned = newPair(machine);
        const texts = Array.from({ length: 30 }, (_, i) => twoStateText(64, () => 0.93, i));
        return mean(texts.map(text => paced(machine, learned, text).speedup));
      };
      const random = seeded(5);
      const interrupted = meanSpeedup(() => (random() < 0.04 ? 3.5 : 1) / 1.1);

      expect(interrupted / meanSpeedup()).toBeGreaterThan(0.95);
    },
  );

  it.each(names)('loses next to nothing to a bad draft that was seen once: %s', name => {
    const machine = { draftUs: 500, costs: passCosts(name) };
    const learned = newPair(machine);
    paced(
      machine,
      learned,
      twoStateText(200, () => 0.2, 99),
    );

    const speedups = Array.from({ length: 10 }, (_, i) =>
      paced(
        machine,
        learned,
        twoStateText(150, () => 0.2, i),
      ),
    ).map(run => run.speedup);

    expect(mean(speedups)).toBeGreaterThan(0.985);
    expect(Math.min(...speedups)).toBeGreaterThan(0.955);
  });

  it.each(drafting)('is near that of long ones once the pair is known: %s', name => {
    const machine = { draftUs: 500, costs: passCosts(name) };
    const learned = newPair(machine);
    const long = paced(
      machine,
      newPair(machine),
      twoStateText(3_000, () => 0.8, 5),
    ).speedup;
    paced(
      machine,
      learned,
      twoStateText(200, () => 0.8, 99),
    );

    const speedups = Array.from({ length: 10 }, (_, i) =>
      paced(
        machine,
        learned,
        twoStateText(150, () => 0.8, i),
      ),
    ).map(run => run.speedup);

    expect(mean(speedups) / long).toBeGreaterThan(0.93);
  });
});

describe('the pace of streams that share their passes', () => {
  it.each(names)('is never below plain decoding: %s', name => {
    const machine = { draftUs: 500, costs: passCosts(name) };
    const texts = [1, 2, 3, 4].map(seed => twoStateText(500, () => 0.5, seed));

    expect(paced(machine, newPair(machine), ...texts).speedup).toBeGreaterThan(0.97);
  });

  it('drafts less with each fourfold of their number', () => {
    const machine = { draftUs: 500, costs: passCosts('f32, 2') };
    const perToken = [1, 4, 16].map(streams => {
      const texts = Array.from({ length: streams }, (_, i) => twoStateText(400, () => 0.7, i));
      return paced(machine, newPair(machine), ...texts).verified / streams / 400;
    });

    expect(perToken).toEqual([...perToken].sort((a, b) => b - a));
    expect((perToken[2] ?? NaN) / (perToken[0] ?? NaN)).toBeLessThan(0.6);
  });
});

describe('the pace of a stream that copies from its text', () => {
  const copying = (name: keyof typeof TABLES, acceptance: number): number => {
    const machine = { draftUs: 0, costs: passCosts(name) };
    const { costs, pair } = newPair(machine);
    return paced(
      machine,
      { costs, pair },
      twoStateText(1_000, () => acceptance, 7),
    ).speedup;
  };

  it.each(names)('is that of plain decoding at least: %s', name => {
    for (const acceptance of [0.2, 0.8]) expect(copying(name, acceptance)).toBeGreaterThan(0.98);
  });

  it('is more than half as much again where most of the text repeats', () => {
    expect(copying('f32, 2', 0.8)).toBeGreaterThan(1.5);
  });
});

function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}
