import { describe, expect, it } from '@jest/globals';
import { LoadStage } from '@outrider/sdk/proto';
import fc from 'fast-check';
import { ProgressTrack, type StageProgress } from '../../../server/src/registry/load-progress.js';

const ORDER: LoadStage[] = [LoadStage.RESOLVING, LoadStage.LOADING, LoadStage.WARMING_UP];

describe('the progress of a load', () => {
  it('keeps its promises whatever an engine reports', () => {
    const reports = fc.array(
      fc.record({
        stage: fc.constantFrom(...ORDER),
        fraction: fc.double({ min: 0, max: 1 }),
        afterMs: fc.integer({ min: 0, max: 40 }),
      }),
      { maxLength: 100 },
    );

    fc.assert(
      fc.property(reports, given => {
        let nowMs = 0;
        const told: (StageProgress & { atMs: number })[] = [];
        const track = new ProgressTrack(
          progress => told.push({ ...progress, atMs: nowMs }),
          () => nowMs,
        );
        for (const { afterMs, ...report } of given) {
          nowMs += afterMs;
          track.report({ ...report, doneBytes: 0, totalBytes: 0 });
        }
        track.complete();

        const stages = told.map(({ stage }) => ORDER.indexOf(stage));
        expect(stages).toEqual([...stages].sort());
        for (const stage of ORDER) {
          const fractions = told.filter(each => each.stage === stage).map(each => each.fraction);
          if (fractions.length === 0) continue;
          expect(fractions.at(0)).toBe(0);
          expect(fractions.at(-1)).toBe(1);
          expect(fractions).toEqual([...fractions].sort((a, b) => a - b));
        }
        for (const { atMs } of told) {
          const second = told.filter(each => each.atMs >= atMs && each.atMs < atMs + 1_000);
          expect(second.length).toBeLessThanOrEqual(20);
        }
      }),
    );
  });
});
