import { describe, expect, it } from '@jest/globals';
import { Generation } from '../../../server/src/engine/thread/generation.js';
import { Pacing } from '../../../server/src/engine/thread/pacing.js';
import { Scheduler } from '../../../server/src/engine/thread/scheduler.js';
import { hashTable, TableContext } from '../../support/table-context.js';
import { tableHost, throwing } from '../../support/table-host.js';
import { easy, specOf } from '../../support/table-streams.js';

describe('streams that do not all fit one batch', () => {
  it('take turns: none is ever more than a step behind another', () => {
    const tokens = new Map<number, number>();
    const { context } = new TableContext(hashTable(5, 3), 32, 2);
    const scheduler = new Scheduler(context, 6, 32, throwing);
    for (let stream = 0; stream < 6; stream++) {
      tokens.set(stream, 0);
      const request = { ...easy, prompt: [stream % 5], maxTokens: 30, temperature: 1 };
      const spec = specOf(stream, request);
      const host = tableHost({
        decoder: context,
        vocabularySize: 5,
        contextLength: 64,
        outputBudget: 2,
        paced: new Pacing([], 16).stream(spec, undefined),
        emit: event => {
          if (event.type === 'step') tokens.set(stream, (tokens.get(stream) ?? 0) + 1);
        },
      });
      scheduler.addGeneration(new Generation(spec, host));
    }

    for (let tick = 0; tick < 60; tick++) {
      scheduler.tick();
      const counts = [...tokens.values()];
      expect(Math.max(...counts) - Math.min(...counts)).toBeLessThanOrEqual(1);
    }
  });
});
