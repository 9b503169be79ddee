import { describe, expect, it } from '@jest/globals';
import { FinishReason } from '@outrider/sdk/proto';
import { identityViolations } from '../../support/identities.js';
import { inStep } from './break.js';
import { type HandMadeStream, handMadeStream, toEvents } from './hand-made-stream.js';
import { stepBreaks } from './step-breaks.js';
import { summaryBreaks } from './summary-breaks.js';

const breaks = [...stepBreaks, ...summaryBreaks];

describe('the identities of a stream', () => {
  it('hold for one that was counted by hand', () => {
    expect(identityViolations(toEvents(handMadeStream()), { detailed: true })).toEqual([]);
  });

  it.each(breaks)('are broken by %s', (_, expected, change) => {
    const stream = handMadeStream();

    change(stream);

    expect(identityViolations(toEvents(stream))).toContainEqual(expect.stringContaining(expected));
  });

  it('are each broken by at least one example here', () => {
    const numbers = new Set(breaks.map(([, expected]) => Number.parseInt(expected, 10)));

    expect([...numbers].sort((a, b) => a - b)).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12]);
  });

  it('allow a last step that a stop string cut', () => {
    const stream = handMadeStream();
    inStep(5, (stats, step) => {
      stats.numEmittedTokens = 1;
      step.tokens.pop();
    })(stream);
    stream.completion.finishReason = FinishReason.STOP;
    stream.completion.usage.completionTokens = 11;
    stream.completion.timings.tokensPerSecond = (10 * 1e6) / 600;
    stream.completion.speculation.estimatedSpeedup = (10 * 1e6) / 600 / 10_000;

    expect(identityViolations(toEvents(stream))).toEqual([]);
  });

  it('allow whatever was trimmed in the last step, and any trimming where positions cannot be trimmed', () => {
    const last = handMadeStream();
    inStep(5, stats => (stats.rolledBackTokens = 1))(last);
    last.completion.speculation.rolledBackTokens = 3;
    const recurrent = handMadeStream();
    inStep(2, stats => (stats.replayed = true))(recurrent);
    recurrent.completion.speculation.numReplayedSteps = 1;

    expect(identityViolations(toEvents(last))).toEqual([]);
    expect(identityViolations(toEvents(recurrent), { attentionOnly: false })).toEqual([]);
  });

  it('do not compare ids where acceptance was by dice', () => {
    const stream = handMadeStream();
    inStep(1, stats => stats.draftTokens.forEach(guess => (guess.targetId = 77)))(stream);

    expect(identityViolations(toEvents(stream))).not.toEqual([]);
    expect(identityViolations(toEvents(stream, true))).toEqual([]);
  });

  it('notice that a stream asked for at DETAILED brings no guesses', () => {
    const stream = handMadeStream();
    for (const { stats } of stream.steps) stats.draftTokens = [];

    expect(identityViolations(toEvents(stream))).toEqual([]);
    expect(identityViolations(toEvents(stream), { detailed: true })).toContain(
      '6: step 1: number of draft_tokens is 0, not 3',
    );
  });

  it.each([
    ['no completion', (s: HandMadeStream) => toEvents(s).slice(0, -1), 'events are not started'],
    ['no start', (s: HandMadeStream) => toEvents(s).slice(1), 'events are not started'],
    [
      'two completions',
      (s: HandMadeStream) => [...toEvents(s), ...toEvents(s).slice(-1)],
      'events are not started',
    ],
    [
      'no stats',
      (s: HandMadeStream) => {
        const [step] = s.steps;
        const events = toEvents(s);
        events.splice(2, 1, {
          event: { $case: 'step', value: { tokens: step?.tokens ?? [], stats: undefined } },
          synthetic: false,
        });
        return events;
      },
      '1 steps carry no stats',
    ],
    [
      'two tokens at first',
      (s: HandMadeStream) => {
        s.first.tokens.push(...s.first.tokens);
        return toEvents(s);
      },
      'the first step is not one token',
    ],
    [
      'no summary',
      (s: HandMadeStream) => {
        const events = toEvents(s).slice(0, -1);
        return [
          ...events,
          {
            event: {
              $case: 'completion' as const,
              value: { ...s.completion, speculation: undefined },
            },
            synthetic: false,
          },
        ];
      },
      'completion lacks',
    ],
  ])('cannot be looked at in a stream with %s, and that is said', (_, events, expected) => {
    const violations = identityViolations(events(handMadeStream()));

    expect(violations).toEqual([expect.stringContaining(`0: ${expected}`)]);
  });
});
