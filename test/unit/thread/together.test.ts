import { describe, expect, it } from '@jest/globals';
import { DraftStopReason } from '@outrider/sdk/proto';
import { DraftLink } from '../../../server/src/engine/thread/draft-link.js';
import { Generation } from '../../../server/src/engine/thread/generation.js';
import { Pacing } from '../../../server/src/engine/thread/pacing.js';
import { Scheduler } from '../../../server/src/engine/thread/scheduler.js';
import { hashTable, TableContext } from '../../support/table-context.js';
import { tableHost, throwing } from '../../support/table-host.js';
import { easy, specOf } from '../../support/table-streams.js';

/** Two streams that draft a token for each step on another model, after their first step. */
function twoStreams(ownDevice: boolean) {
  const { context } = new TableContext(hashTable(5, 3), 32, 8);
  const scheduler = new Scheduler(context, 2, 32, throwing);
  const lengths = [1, 1];
  const draft = { peer: 'models/draft', disjoint: ownDevice };
  const generations = [0, 1].map(stream => {
    const request = { ...easy, prompt: [stream], maxTokens: 30, temperature: 1, maxDraftTokens: 1 };
    const spec = specOf(stream, request);
    const host = tableHost({
      decoder: context,
      vocabularySize: 5,
      contextLength: 64,
      outputBudget: 8,
      paced: new Pacing([], 16).stream(spec, draft),
      emit: event => {
        if (event.type === 'step')
          lengths[stream] = (lengths[stream] ?? 0) + event.step.tokens.length;
      },
    });
    const link = new DraftLink(
      { send: () => undefined },
      { abort: () => undefined },
      {
        ...{ stream, chain: 0, sampling: spec.sampling, promptIds: spec.promptIds },
        ...{ vocabularySize: 5, minProbability: 0, detailed: false, cachePrompt: false },
        eager: ownDevice,
      },
    );
    const generation = new Generation(spec, host, link);
    scheduler.addGeneration(generation);
    return generation;
  });
  const answer = (stream: number): void => {
    const base = lengths[stream] ?? 0;
    generations[stream]?.onProposals({
      ...{ type: 'proposals', stream, chain: 0, revision: base, epoch: 0, known: base, base },
      proposals: [{ id: 0, confidence: 0.5, probability: 0, us: 1, known: base }],
      rows: 1,
      reused: 0,
      stopReason: DraftStopReason.MAX_LEN,
    });
  };
  // The prompts, and a first draft of each, after which their chains have caught up.
  expect(scheduler.tick()).toBe(true);
  for (const stream of [0, 1]) answer(stream);
  expect(scheduler.tick()).toBe(true);
  return { scheduler, generations, answer };
}

describe('streams that draft on a device which their target computes on', () => {
  it('are verified together', () => {
    const { scheduler, generations, answer } = twoStreams(false);
    answer(0);

    expect(generations.map(({ phase }) => phase)).toEqual(['ready', 'drafting']);
    expect(scheduler.tick()).toBe(false);

    answer(1);
    expect(scheduler.tick()).toBe(true);
    expect(generations.map(({ phase }) => phase)).toEqual(['drafting', 'drafting']);
  });

  it('wait no longer for one that is gone', () => {
    const { scheduler, generations, answer } = twoStreams(false);
    answer(0);
    generations[1]?.cancel();
    for (const generation of generations.slice(1)) scheduler.removeGeneration(generation);

    expect(scheduler.tick()).toBe(true);
  });

  it('are verified as they come where the draft has a device of its own', () => {
    const { scheduler, generations, answer } = twoStreams(true);
    answer(0);

    expect(scheduler.tick()).toBe(true);
    expect(generations.map(({ phase }) => phase)).toEqual(['drafting', 'drafting']);
  });
});
