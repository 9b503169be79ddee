import { describe, expect, it } from '@jest/globals';
import { type StreamEvent } from '../../../server/src/engine/protocol.js';
import { Generation } from '../../../server/src/engine/thread/generation.js';
import { Pacing } from '../../../server/src/engine/thread/pacing.js';
import { Scheduler } from '../../../server/src/engine/thread/scheduler.js';
import { hashTable, TableContext } from '../../support/table-context.js';
import { tableHost, throwing } from '../../support/table-host.js';
import { easy, specOf } from '../../support/table-streams.js';

describe('a pass that llama.cpp fails', () => {
  it.each([
    { code: 3, reason: 'ENGINE_ERROR' },
    { code: -1, reason: 'ENGINE_ERROR' },
    { code: -2, reason: 'ENGINE_RESTARTED', retryAfterMs: 200 },
    { code: -3, reason: 'ENGINE_RESTARTED', retryAfterMs: 200 },
  ])('with code $code ends its streams with $reason', ({ code, ...error }) => {
    const { context } = new TableContext(hashTable(5, 3));
    const events: StreamEvent[] = [];
    const broken: number[] = [];
    const onBroken = (given: number): void => void broken.push(given);
    const failing = { ...context, decode: () => code };
    const scheduler = new Scheduler(failing, 1, 8, { ...throwing, onBroken });
    const spec = specOf(1, easy);
    const host = tableHost({
      ...{ decoder: context, vocabularySize: 5, contextLength: 64, outputBudget: 2 },
      paced: new Pacing([], 16).stream(spec, undefined),
      emit: event => events.push(event),
    });
    scheduler.addGeneration(new Generation(spec, host));

    scheduler.tick();

    expect(events).toMatchObject([{ type: 'started' }, { type: 'failed', error }]);
    expect(broken).toEqual([code]);
    expect(scheduler.generations.size).toBe(0);
  });
});
