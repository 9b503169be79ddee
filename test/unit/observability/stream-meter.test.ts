import { describe, expect, it } from '@jest/globals';
import { type GenerationStep, type SpeculationSummary } from '@outrider/sdk/proto';
import fc from 'fast-check';
import { CodedError, type Reason } from '../../../server/src/coded-error.js';
import { type StreamEvent } from '../../../server/src/engine/protocol.js';
import { ModelTally } from '../../../server/src/observability/model-tally.js';
import { StreamMeter } from '../../../server/src/observability/stream-meter.js';
import { records, streamOf } from '../stats/random-stream.js';

const MOST = 6;

describe('the meter of a stream', () => {
  it('counts what the summaries of its streams add up to', () => {
    fc.assert(
      fc.property(fc.array(records(MOST), { minLength: 1, maxLength: 4 }), all => {
        const tally = new ModelTally();
        const streams = all.map(each => eventsOf(streamOf(each, MOST, true)));
        for (const { events } of streams) meter(tally).hear(events);

        const sum = (of: (summary: SpeculationSummary) => number) =>
          streams.reduce((so, { summary }) => so + of(summary), 0);
        expect(tally).toMatchObject({
          promptTokens: 3 * all.length,
          generatedTokens: streams.reduce((so, { completionTokens }) => so + completionTokens, 0),
          steps: sum(s => s.numSteps),
          drafts: sum(s => s.numSpecSteps),
          draftTokens: sum(s => s.numDraftTokens),
          acceptedTokens: sum(s => s.numAcceptedDraftTokens),
          discardedTokens: sum(s => s.numDiscardedDraftTokens),
        });
        const positions = Array.from({ length: MOST }, (_, position) => position);
        expect(positions.map(i => tally.acceptedAt[i] ?? 0)).toEqual(
          positions.map(i => sum(s => s.acceptedPerPosition[i] ?? 0)),
        );
        expect(positions.map(i => tally.draftedAt[i] ?? 0)).toEqual(
          positions.map(i => sum(s => s.draftedPerPosition[i] ?? 0)),
        );
        expect([
          tally.verifyTimes.sumUs,
          tally.draftTimes.sumUs,
          tally.idleTimes.sumUs,
          tally.overheadTimes.sumUs,
        ]).toEqual([
          sum(s => s.verifyUs),
          sum(s => s.draftUs),
          sum(s => s.idleUs),
          sum(s => s.overheadUs),
        ]);
        expect(tally.stepTimes.count).toBe(tally.steps);
      }),
    );
  });

  it('counts the steps that a cancelled stream has done, and its end once', () => {
    const tally = new ModelTally();
    const one = meter(tally);

    one.hear([
      { type: 'started', cachedTokens: 0 },
      { type: 'step', step: { tokens: tokens(1), stats: undefined } },
      { type: 'step', step: { tokens: tokens(2), stats: undefined } },
      { type: 'cancelled' },
      { type: 'failed', error: failure('ENGINE_RESTARTED') },
    ]);

    expect(tally.generatedTokens).toBe(3);
    expect([one.firstTokens, one.ends]).toEqual([1, ['cancelled']]);
  });

  it('names the failure that ended a stream', () => {
    const one = meter(new ModelTally());

    one.hear([{ type: 'failed', error: failure('ENGINE_ERROR') }]);

    expect(one.ends).toEqual(['engine_error']);
  });

  it('tells what a completed stream ended with, what left its draft last, and what was cached', () => {
    const tally = new ModelTally();
    const one = meter(tally);
    const { events, completed } = eventsOf(streamOf([], MOST, true));
    const late = {
      ...completed,
      completion: {
        ...completed.completion,
        usage: { ...completed.completion.usage, cachedTokens: 2 },
        speculation: { ...completed.completion.speculation, numDiscardedDraftTokens: 5 },
      },
    };

    one.hear([...events.slice(0, -1), late]);

    expect(one.ends).toEqual(['end_of_text']);
    expect([tally.discardedTokens, tally.cachedPromptTokens]).toEqual([5, 2]);
  });
});

function meter(tally: ModelTally) {
  const seen = { firstTokens: 0, ends: [] as string[] };
  const made = new StreamMeter(tally, 3, {
    firstToken: () => (seen.firstTokens += 1),
    finished: how => seen.ends.push(how),
  });
  const hear = (events: readonly StreamEvent[]) => events.forEach(made.heard);
  return Object.assign(seen, { hear });
}

function failure(reason: Reason) {
  return new CodedError(reason, 'as the test says').toData();
}

/** A stream of the contract as an engine tells it. */
function eventsOf(responses: ReturnType<typeof streamOf>) {
  const steps = responses.flatMap(({ event }): GenerationStep[] =>
    event?.$case === 'step' ? [event.value] : [],
  );
  const last = responses.at(-1)?.event;
  if (last?.$case !== 'completion') throw new Error('the stream has no end');
  const { usage, speculation, finishReason } = last.value;
  if (usage === undefined || speculation === undefined) throw new Error('the end is not whole');
  const completed = {
    type: 'completed',
    completion: { finishReason, matchedStop: '', usage, promptUs: 1, decodeUs: 1, speculation },
  } as const;
  const events: StreamEvent[] = [
    { type: 'started', cachedTokens: 0 },
    ...steps.map(step => ({ type: 'step', step }) as const),
    completed,
  ];
  return { events, completed, summary: speculation, completionTokens: usage.completionTokens };
}

function tokens(count: number): GenerationStep['tokens'] {
  return Array.from({ length: count }, () => ({
    id: 1,
    text: '',
    fromDraft: false,
    topLogprobs: [],
  }));
}
