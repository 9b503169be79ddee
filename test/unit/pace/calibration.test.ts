import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import {
  ngramBin,
  PairCalibration,
  type StreamCalibration,
} from '../../../server/src/engine/pace/calibration.js';
import { CONFIDENCE_MIDDLES } from '../../../server/src/engine/pace/value.js';

/** Outcomes of which every tenth is wrong, or every tenth right. */
function observeMany(stream: StreamCalibration, bin: number, count: number, mostly: boolean): void {
  for (let i = 0; i < count; i++) stream.observe(bin, i % 10 === 0 ? !mostly : mostly, i % 3);
}

describe('a calibration', () => {
  it('of a new pair believes the draft, and half of what is copied', () => {
    const stream = new PairCalibration().stream(0);

    expect(stream.acceptances()).toEqual(
      CONFIDENCE_MIDDLES.map(middle => expect.closeTo(middle, 9)),
    );
    expect(stream.acceptanceOf(ngramBin(4, 1))).toBeCloseTo(0.5, 9);
  });

  it('comes to what was observed', () => {
    const stream = new PairCalibration().stream(0);

    observeMany(stream, 7, 400, false);

    expect(stream.acceptanceOf(7)).toBeGreaterThan(0.08);
    expect(stream.acceptanceOf(7)).toBeLessThan(0.2);
    expect(stream.meanAcceptance).toBeLessThan(0.2);
  });

  it('distrusts every confidence of a draft that is too sure, before all were observed', () => {
    const stream = new PairCalibration().stream(0);

    observeMany(stream, 8, 60, false);

    expect(stream.acceptanceOf(4)).toBeLessThan(0.5);
    expect(stream.acceptanceOf(ngramBin(4, 1))).toBeCloseTo(0.5, 9);
  });

  it('of a new stream begins where its pair has come to', () => {
    const pair = new PairCalibration();
    const first = pair.stream(0);
    observeMany(first, 5, 300, false);

    const second = pair.stream(0);

    expect(Math.abs(second.acceptanceOf(5) - first.acceptanceOf(5))).toBeLessThan(0.05);
  });

  it('of a stream follows its own text, against that of its pair', () => {
    const pair = new PairCalibration();
    observeMany(pair.stream(0), 5, 300, false);
    const easy = pair.stream(0);

    observeMany(easy, 5, 40, true);

    expect(easy.acceptanceOf(5)).toBeGreaterThan(pair.stream(0).acceptanceOf(5) + 0.2);
  });

  it('keeps temperatures apart', () => {
    const pair = new PairCalibration();

    observeMany(pair.stream(0), 5, 300, true);
    observeMany(pair.stream(1), 5, 300, false);

    expect(pair.stream(0).acceptanceOf(5)).toBeGreaterThan(0.85);
    expect(pair.stream(1.2).acceptanceOf(5)).toBeLessThan(0.2);
  });

  it('begins at a temperature with what it knows of others', () => {
    const pair = new PairCalibration();
    expect(pair.stream(0).unknown).toBe(true);

    observeMany(pair.stream(1), 5, 300, false);

    expect(pair.stream(0).unknown).toBe(false);
    expect(pair.stream(0).acceptanceOf(5)).toBeLessThan(0.3);
  });

  it('is quicker to change after a doubt', () => {
    const pair = new PairCalibration();
    const [doubting, sure] = [pair.stream(0), pair.stream(0)];
    for (const stream of [doubting, sure]) observeMany(stream, 5, 200, false);

    doubting.doubt();
    for (const stream of [doubting, sure]) observeMany(stream, 5, 10, true);

    expect(doubting.acceptanceOf(5)).toBeGreaterThan(sure.acceptanceOf(5) + 0.1);
  });

  it('holds chances, whatever is observed', () => {
    const outcome = fc.tuple(fc.nat(38), fc.boolean(), fc.nat(3));
    fc.assert(
      fc.property(fc.array(outcome, { maxLength: 200 }), outcomes => {
        const stream = new PairCalibration().stream(0.7);
        for (const [bin, accepted, depth] of outcomes) stream.observe(bin, accepted, depth);

        const chances = Array.from({ length: 39 }, (_, bin) => stream.acceptanceOf(bin));
        for (const value of [...chances, stream.meanAcceptance, ...stream.firstShares()]) {
          expect(value).toBeGreaterThan(0);
          expect(value).toBeLessThan(1);
        }
        expect(stream.firstShares().reduce((sum, share) => sum + share, 0)).toBeCloseTo(1, 9);
      }),
    );
  });
});

describe('a bin of a copied token', () => {
  it('is none of a confidence, and its own for each match length and depth', () => {
    const lengths = [2, 3, 4, 6, 9, 17];
    const depths = [1, 2, 3, 5, 9];
    const bins = lengths.flatMap(length => depths.map(depth => ngramBin(length, depth)));

    expect(new Set(bins).size).toBe(30);
    expect(Math.min(...bins)).toBe(CONFIDENCE_MIDDLES.length);
    expect(ngramBin(5, 4)).toBe(ngramBin(4, 3));
    expect(ngramBin(200, 40)).toBe(Math.max(...bins));
  });
});
