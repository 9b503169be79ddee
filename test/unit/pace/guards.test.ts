import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { LossLedger, PairLosses } from '../../../server/src/engine/pace/ledger.js';
import { ProbeBudget, Probes } from '../../../server/src/engine/pace/probes.js';

const plainUs = 10_000;

/** Steps that each lose a plain step, until the ledger turns off; how many it took. */
function loseUntilOff(ledger: LossLedger): number {
  let steps = 0;
  for (; !ledger.off && steps < 1_000; steps++)
    ledger.add({ stepUs: 2 * plainUs, lossUs: plainUs, emitted: 1 }, plainUs);
  return steps;
}

/** Plain steps until it is on again. */
function waitUntilOn(ledger: LossLedger): number {
  let steps = 0;
  for (; ledger.off && steps < 5_000; steps++)
    ledger.add({ stepUs: plainUs, lossUs: 0, emitted: 1 }, plainUs);
  return steps;
}

describe('the loss ledger', () => {
  it('bears four plain steps and a hundredth, then turns off for 64 tokens, then for twice as long', () => {
    const ledger = new LossLedger(new PairLosses());

    expect(loseUntilOff(ledger)).toBe(5);
    expect(waitUntilOn(ledger)).toBe(64);
    expect(loseUntilOff(ledger)).toBe(1);
    expect(waitUntilOn(ledger)).toBe(128);
  });

  it('lets no loss grow beyond what it bears', () => {
    const outcome = fc.record({
      lossUs: fc.integer({ min: -30_000, max: 30_000 }),
      emitted: fc.integer({ min: 1, max: 8 }),
    });
    fc.assert(
      fc.property(fc.array(outcome, { maxLength: 300 }), outcomes => {
        const ledger = new LossLedger(new PairLosses());
        let loss = 0;
        let elapsed = 0;
        for (const { lossUs, emitted } of outcomes) {
          const real = ledger.off ? 0 : lossUs;
          loss += real;
          elapsed += 2 * plainUs;
          ledger.add({ stepUs: 2 * plainUs, lossUs: real, emitted }, plainUs);

          expect(loss).toBeLessThanOrEqual(0.01 * elapsed + 4 * plainUs + 30_000);
        }
      }),
    );
  });

  it('forgets what is more than twenty plain steps of gain', () => {
    const ledger = new LossLedger(new PairLosses());
    for (let i = 0; i < 500; i++)
      ledger.add({ stepUs: plainUs, lossUs: -plainUs, emitted: 2 }, plainUs);

    expect(loseUntilOff(ledger)).toBeLessThan(40);
  });
});

describe('the losses of a pair', () => {
  /** Plain steps lost by streams of 64 tokens that lose a tenth of a step with each token. */
  function lossOf(streams: number): number {
    const pair = new PairLosses();
    let lost = 0;
    for (let stream = 0; stream < streams; stream++) {
      const ledger = new LossLedger(pair);
      for (let token = 0; token < 64; token++) {
        const lossUs = ledger.off ? 0 : 0.1 * plainUs;
        lost += lossUs / plainUs;
        ledger.add({ stepUs: plainUs + lossUs, lossUs, emitted: 1 }, plainUs);
      }
    }
    return lost;
  }

  it('are little more than 1 % of the time over many short streams', () => {
    const streams = 50;

    expect(lossOf(1)).toBeGreaterThan(4);
    expect(lossOf(streams)).toBeLessThan(8 + 0.015 * 64 * streams);
  });

  it('are forgiven by gains and by time, and gains are saved for one bad text', () => {
    const pair = new PairLosses();
    pair.add(5, 100);
    expect(pair.allowedSteps).toBe(0.5);
    expect(pair.spent).toBe(false);
    pair.add(3, 0);
    expect(pair.spent).toBe(true);
    pair.add(0, 400);
    expect(pair.spent).toBe(false);
    pair.add(-100, 0);
    expect(pair.allowedSteps).toBe(4);
    pair.add(4, 0);
    expect(pair.allowedSteps).toBe(4);
    pair.add(4, 0);
    expect(pair.allowedSteps).toBe(0.5);
  });
});

describe('the probes of a parked stream', () => {
  const parkedSteps = (probes: Probes, count: number): void => {
    for (let i = 0; i < count; i++) probes.advance(1, plainUs, plainUs, true);
  };
  /** Parked steps until a probe is due. */
  const wait = (probes: Probes, costUs: number): number => {
    let steps = 0;
    for (; !probes.due(costUs, plainUs, false) && steps < 20_000; steps++) parkedSteps(probes, 1);
    return steps;
  };

  it('cost half a hundredth of the time, and ten plain steps once', () => {
    const probes = new Probes(new ProbeBudget());
    let spentUs = 0;
    for (let i = 0; i < 20_000; i++) {
      parkedSteps(probes, 1);
      if (!probes.due(3_000, plainUs, false)) continue;
      probes.begin(3_000, plainUs);
      probes.end(true);
      spentUs += 3_000;
    }

    expect(spentUs / (20_000 * plainUs)).toBeGreaterThan(0.004);
    expect(spentUs / (20_000 * plainUs)).toBeLessThanOrEqual(0.005 + 10 / 20_000);
  });

  it('of a pair that nothing is known of come at once, four plain steps in a stream and ten in all', () => {
    const budget = new ProbeBudget();
    const counts = [1, 2, 3, 4].map(() => {
      const probes = new Probes(budget);
      let count = 0;
      for (; probes.due(plainUs, plainUs, true); count++) {
        probes.begin(plainUs, plainUs);
        probes.end(false);
      }
      return count;
    });

    expect(counts).toEqual([4, 4, 2, 0]);
  });

  it('come half as often after each failure, and at once after a promising one', () => {
    const budget = new ProbeBudget();
    parkedSteps(new Probes(budget), 3_000);
    const probes = new Probes(budget);
    const waits: number[] = [];
    for (let i = 0; i < 4; i++) {
      waits.push(wait(probes, 500));
      probes.begin(500, plainUs);
      probes.end(false);
    }
    expect(waits).toEqual([16, 32, 64, 128]);

    wait(probes, 500);
    probes.begin(500, plainUs);
    probes.end(true);
    expect(probes.due(500, plainUs, false)).toBe(true);
  });

  it('of a short stream use what other streams of the pair left over, within reason for one stream', () => {
    const budget = new ProbeBudget();
    parkedSteps(new Probes(budget), 3_000);

    expect(wait(new Probes(budget), plainUs)).toBe(16);
    expect(wait(new Probes(budget), 3 * plainUs)).toBeGreaterThan(150);
  });
});
