import { describe, expect, it } from '@jest/globals';
import {
  BaselineMethod,
  BonusToken,
  DraftSource,
  SpeculationOffReason,
  type SpeculationSummary,
} from '@outrider/sdk/proto';
import fc from 'fast-check';
import { StreamStats } from '../../../server/src/engine/stats.js';
import { identityViolations } from '../../support/identities.js';
import { record, records, streamOf } from './random-stream.js';

const end = { targetKvReusedTokens: 0, draftKvReusedTokens: 0 };

describe('the statistics of a stream', () => {
  it('keep every identity, whatever the steps were', () => {
    const setting = fc
      .integer({ min: 1, max: 9 })
      .chain(most => fc.tuple(fc.constant(most), records(most)));
    fc.assert(
      fc.property(setting, ([most, all]) => {
        expect(identityViolations(streamOf(all, most, true))).toEqual([]);
      }),
      { seed: 16, numRuns: 1_000 },
    );
  });

  it('keep every identity in a stream that does not speculate', () => {
    fc.assert(
      fc.property(records(0), fc.nat(8), (all, most) => {
        const events = streamOf(all, most, false);

        expect(identityViolations(events)).toEqual([]);
      }),
      { seed: 17, numRuns: 200 },
    );
  });

  it('have no rates, counts by position or baseline where nothing was drafted', () => {
    const stats = new StreamStats({ maxDraftTokens: 4, active: false });
    for (let i = 0; i < 3; i++) stats.step(record());

    const summary = stats.summary({
      ...end,
      baseline: { tps: 50, method: BaselineMethod.MEASURED_PROBE },
      tokensPerSecond: 60,
    });

    expect(summary).toEqual({
      ...blankSummary(),
      numSteps: 3,
      draftUs: 30,
      verifyUs: 180,
      idleUs: 45,
      overheadUs: 75,
    });
  });

  it('have the histograms of an active stream even before its first draft', () => {
    const stats = new StreamStats({ maxDraftTokens: 2, active: true });

    expect(stats.summary(end)).toEqual({
      ...blankSummary(),
      acceptanceHistogram: [0, 0, 0],
      acceptedPerPosition: [0, 0],
      draftedPerPosition: [0, 0],
    });
  });

  it('give back what a record says, and leave out what does not apply', () => {
    const stats = new StreamStats({ maxDraftTokens: 4, active: true });

    const plain = stats.step(record());
    const corrected = stats.step(
      record({ draftTokens: 3, acceptedTokens: 1, overlappedTokens: 2 }),
    );

    expect(plain).not.toHaveProperty('draftAcceptanceRate');
    expect(plain).not.toHaveProperty('emaAcceptanceRate');
    expect(plain).not.toHaveProperty('firstRejectedPosition');
    expect(corrected).toMatchObject({
      stepIndex: 1,
      numDraftTokens: 3,
      numAcceptedDraftTokens: 1,
      numEmittedTokens: 2,
      firstRejectedPosition: 1,
      bonusToken: BonusToken.CORRECTION,
      overheadUs: 25,
      numOverlappedDraftTokens: 2,
      rolledBackTokens: 2,
      draftAcceptanceRate: 1 / 3,
    });
  });

  it('give the rate of the last 16 steps', () => {
    const stats = new StreamStats({ maxDraftTokens: 4, active: true });
    stats.step(record({ stepUs: 1_000_000 }));
    const rates = Array.from(
      { length: 16 },
      () => stats.step(record({ draftTokens: 3 })).tokensPerSecond,
    );

    expect(rates[0]).toBeCloseTo((5 * 1e6) / 1_000_100, 6);
    expect(rates[14]).toBeCloseTo(((1 + 15 * 4) * 1e6) / 1_001_500, 6);
    expect(rates[15]).toBeCloseTo((4 * 1e6) / 100, 6);
  });

  it('count proposals that were thrown away with the next step, or in the summary after the last', () => {
    const stats = new StreamStats({ maxDraftTokens: 4, active: true });
    stats.discard(2);
    const step = stats.step(record({ discardedTokens: 1 }));
    const next = stats.step(record());
    stats.discard(4);

    expect(step.numDiscardedDraftTokens).toBe(3);
    expect(next.numDiscardedDraftTokens).toBe(0);
    expect(stats.summary(end).numDiscardedDraftTokens).toBe(7);
  });

  it('know the median of plain steps from the third on, and drafted steps do not count', () => {
    const stats = new StreamStats({ maxDraftTokens: 4, active: true });
    stats.step(record({ stepUs: 300 }));
    stats.step(record({ draftTokens: 1, stepUs: 9_000 }));
    stats.step(record({ stepUs: 100 }));
    const early = stats.plainStepMedianUs();
    stats.step(record({ stepUs: 200 }));
    const odd = stats.plainStepMedianUs();
    stats.step(record({ stepUs: 250 }));

    expect([early, odd, stats.plainStepMedianUs()]).toEqual([undefined, 200, 225]);
  });

  it('have a speed-up only with a baseline and a rate', () => {
    const stats = new StreamStats({ maxDraftTokens: 4, active: true });
    const baseline = { tps: 40, method: BaselineMethod.SINGLE_FORWARD_EWMA };

    expect(stats.summary({ ...end, baseline, tokensPerSecond: 60 })).toMatchObject({
      estimatedBaselineTps: 40,
      estimatedSpeedup: 1.5,
      baselineMethod: BaselineMethod.SINGLE_FORWARD_EWMA,
    });
    for (const without of [
      { tokensPerSecond: 60 },
      { baseline },
      { baseline: { tps: 40, method: BaselineMethod.NONE }, tokensPerSecond: 60 },
      { baseline: { ...baseline, tps: 0 }, tokensPerSecond: 60 },
    ]) {
      const summary = stats.summary({ ...end, ...without });
      expect(summary.baselineMethod).toBe(BaselineMethod.NONE);
      expect(summary).not.toHaveProperty('estimatedBaselineTps');
      expect(summary).not.toHaveProperty('estimatedSpeedup');
    }
  });

  it('say why speculation ended early', () => {
    const stats = new StreamStats({ maxDraftTokens: 4, active: true });
    const offReason = SpeculationOffReason.DRAFT_UNLOADED;

    expect(stats.summary({ ...end, offReason }).offReason).toBe(offReason);
  });

  it('refuse a mixed draft that does not count its sources', () => {
    const stats = new StreamStats({ maxDraftTokens: 4, active: true });

    expect(() => stats.step(record({ draftTokens: 2, source: DraftSource.MIXED }))).toThrow(
      'mixed',
    );
  });

  it.each([
    ['time that is missing', record({ stepUs: 70 }), 'step_us is less'],
    ['more accepted than drafted', record({ draftTokens: 1, acceptedTokens: 2 }), 'more accepted'],
    ['more drafted than planned', record({ draftTokens: 2, plannedDraftLen: 1 }), 'more drafted'],
    ['more planned than allowed', record({ plannedDraftLen: 5 }), 'more planned'],
    ['more overlapped than drafted', record({ overlappedTokens: 1 }), 'more overlapped'],
    ['no token', record({ emittedTokens: 0 }), 'emitted'],
    ['a token too many', record({ emittedTokens: 2 }), 'emitted'],
    ['a correction of nothing', record({ bonus: BonusToken.CORRECTION }), 'bonus_token'],
    ['an end of text without a draft', record({ bonus: BonusToken.NONE }), 'end of text'],
    ['a source without a draft', record({ source: DraftSource.NGRAM }), 'draft_source'],
  ])('throw over a record with %s where invariants are on, and only there', (_, bad, expected) => {
    const options = { maxDraftTokens: 4, active: true };

    expect(() => new StreamStats({ ...options, invariants: true }).step(bad)).toThrow(expected);
    expect(() => new StreamStats(options).step(bad)).not.toThrow();
  });

  it('never hide a negative overhead', () => {
    const stats = new StreamStats({ maxDraftTokens: 4, active: true });

    expect(stats.step(record({ stepUs: 70 })).overheadUs).toBe(-5);
  });
});

function blankSummary(): SpeculationSummary {
  return {
    numSteps: 0,
    numSpecSteps: 0,
    numDraftTokens: 0,
    numAcceptedDraftTokens: 0,
    numRejectedDraftTokens: 0,
    numDiscardedDraftTokens: 0,
    numOverlappedDraftTokens: 0,
    acceptanceHistogram: [],
    acceptedPerPosition: [],
    draftedPerPosition: [],
    draftUs: 0,
    verifyUs: 0,
    idleUs: 0,
    overheadUs: 0,
    baselineMethod: BaselineMethod.NONE,
    targetKvReusedTokens: 0,
    draftKvReusedTokens: 0,
    rolledBackTokens: 0,
    numReplayedSteps: 0,
    sources: [],
    offReason: SpeculationOffReason.UNSPECIFIED,
  };
}
