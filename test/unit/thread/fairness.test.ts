import { describe, expect, it } from '@jest/globals';
import { Generation } from '../../../server/src/engine/thread/generation.js';
import { Pacing } from '../../../server/src/engine/thread/pacing.js';
import { PlainCost } from '../../../server/src/engine/thread/plain-cost.js';
import { Scheduler } from '../../../server/src/engine/thread/scheduler.js';
import { plainSpec } from '../sampling/plain-spec.js';
import { hashTable, TableContext } from '../../support/table-context.js';

describe('streams that do not all fit one batch', () => {
  it('take turns: none is ever more than a step behind another', () => {
    const tokens = new Map<number, number>();
    const { context } = new TableContext(hashTable(5, 3), 32, 2);
    const fail = (): never => {
      throw new Error('nothing should break');
    };
    const scheduler = new Scheduler(context, 6, 32, { onBroken: fail, onBug: fail });
    for (let stream = 0; stream < 6; stream++) {
      tokens.set(stream, 0);
      const spec = {
        stream,
        model: 'models/target',
        promptIds: Uint32Array.of(stream % 5),
        maxTokens: 30,
        stop: [],
        sampling: plainSpec(),
        speculation: {
          maxDraftTokens: 4,
          minDraftTokens: 0,
          minDraftProbability: 0,
          fixed: true,
          ngram: false,
          overlap: false,
        },
        cachePrompt: false,
        statsLevel: 'STATS_LEVEL_STEPS',
      } as const;
      const host = {
        decoder: context,
        pieces: { eogIds: [], piece: () => Uint8Array.of(32) },
        vocabularySize: 5,
        contextLength: 64,
        outputBudget: 2,
        plainCost: new PlainCost(),
        paced: new Pacing([], 16).stream(spec, undefined),
        emit: (event: { readonly type: string }) => {
          if (event.type === 'step') tokens.set(stream, (tokens.get(stream) ?? 0) + 1);
        },
      };
      scheduler.addGeneration(new Generation(spec, host));
    }

    for (let tick = 0; tick < 60; tick++) {
      scheduler.tick();
      const counts = [...tokens.values()];
      expect(Math.max(...counts) - Math.min(...counts)).toBeLessThanOrEqual(1);
    }
  });
});
