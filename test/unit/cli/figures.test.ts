import { describe, expect, it } from '@jest/globals';
import {
  BaselineMethod,
  FinishReason,
  GenerationCompletion,
  GenerationStarted,
  SpeculationOffReason,
} from '@outrider/sdk/proto';
import { figures } from '../../../server/src/cli/figures.js';

const DRAFTED = {
  numSteps: 40,
  numSpecSteps: 30,
  numDraftTokens: 120,
  numAcceptedDraftTokens: 60,
  draftAcceptanceRate: 0.5,
  meanAcceptanceLength: 3,
  estimatedSpeedup: 1.284,
  baselineMethod: BaselineMethod.MEASURED_PROBE,
};

const COMPLETION = GenerationCompletion.fromPartial({
  finishReason: FinishReason.LENGTH,
  usage: { completionTokens: 128 },
  timings: { tokensPerSecond: 83.71 },
  speculation: DRAFTED,
});

const ACTIVE = GenerationStarted.fromPartial({ speculation: { active: true } });

describe('the line of figures', () => {
  it('tells speed, acceptance and the estimated speed-up with its method', () => {
    expect(figures(ACTIVE, COMPLETION)).toBe(
      '128 tokens (length), 83.7 tokens/s, 60/120 drafted tokens accepted, acceptance rate 0.50, ' +
        'mean acceptance length 3.00, estimated speed-up 1.28 (measured probe)',
    );
  });

  it('does not invent a speed-up', () => {
    const completion = GenerationCompletion.fromPartial({
      ...COMPLETION,
      speculation: { ...DRAFTED, estimatedSpeedup: undefined, baselineMethod: BaselineMethod.NONE },
    });

    expect(figures(ACTIVE, completion)).toMatch(/, speed-up not estimated$/);
  });

  it('says why there was no speculation', () => {
    const started = GenerationStarted.fromPartial({
      speculation: {
        active: false,
        offReason: SpeculationOffReason.NO_SOURCE,
        detail: 'no draft model',
      },
    });

    expect(figures(started, COMPLETION)).toBe(
      '128 tokens (length), 83.7 tokens/s, speculation off: NO_SOURCE (no draft model)',
    );
  });

  it('says that drafting ended before the stream', () => {
    const completion = GenerationCompletion.fromPartial({
      ...COMPLETION,
      speculation: { ...DRAFTED, offReason: SpeculationOffReason.DRAFT_UNLOADED },
    });

    expect(figures(ACTIVE, completion)).toMatch(/, drafting ended early: DRAFT_UNLOADED$/);
  });

  it('has no rates where nothing was drafted or one token came', () => {
    const completion = GenerationCompletion.fromPartial({
      finishReason: FinishReason.END_OF_TEXT,
      usage: { completionTokens: 1 },
      timings: {},
      speculation: { numSteps: 0, baselineMethod: BaselineMethod.NONE },
    });

    expect(figures(ACTIVE, completion)).toBe(
      '1 tokens (end of text), 0/0 drafted tokens accepted, speed-up not estimated',
    );
  });

  it('says that it was told not to ask for statistics', () => {
    const completion = GenerationCompletion.fromPartial({ ...COMPLETION, speculation: undefined });

    expect(figures(ACTIVE, completion)).toMatch(/figures left out by --stats none$/);
  });
});
