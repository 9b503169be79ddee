import {
  BaselineMethod,
  BonusToken,
  DraftSource,
  DraftStopReason,
  type DraftedToken,
  FinishReason,
  type GenerateResponse,
  type GenerationCompletion,
  type GenerationStarted,
  type GenerationStep,
  SpeculationMode,
  SpeculationOffReason,
  type StepStats,
  type Token,
} from '@outrider/sdk/proto';

/** A completed stream whose parts can be changed before it is made into events. */
export interface HandMadeStream {
  readonly started: GenerationStarted & {
    speculation: NonNullable<GenerationStarted['speculation']>;
  };
  readonly first: GenerationStep;
  readonly steps: (GenerationStep & { stats: StepStats })[];
  readonly completion: Required<GenerationCompletion> & {
    usage: NonNullable<GenerationCompletion['usage']>;
    timings: NonNullable<GenerationCompletion['timings']>;
    speculation: NonNullable<GenerationCompletion['speculation']>;
  };
}

/** The events of a stream, in order. */
export function toEvents(stream: HandMadeStream, synthetic = false): GenerateResponse[] {
  const { started, first, steps, completion } = stream;
  return [
    { event: { $case: 'started', value: started }, synthetic },
    ...[first, ...steps].map(value => ({ event: { $case: 'step' as const, value }, synthetic })),
    { event: { $case: 'completion', value: completion }, synthetic },
  ];
}

/**
 * A stream at DETAILED that keeps every identity, figures written by hand: plain, 3 of 3 accepted, 1 of 3 accepted,
 * plain, plain, then 2 of 2 accepted up to the end of text. At most 4 drafted.
 */
export function handMadeStream(): HandMadeStream {
  return {
    started: {
      requestId: 'r',
      model: 'models/big',
      promptTokens: 7,
      cachedTokens: 2,
      seed: 1,
      speculation: {
        active: true,
        offReason: SpeculationOffReason.UNSPECIFIED,
        detail: '',
        mode: SpeculationMode.FIXED,
        draftModel: 'models/small',
        sources: [DraftSource.DRAFT_MODEL],
        maxDraftTokens: 4,
        minDraftTokens: 0,
        minDraftProbability: 0,
        overlap: false,
        targetDevices: ['cpu'],
        draftDevices: ['cpu'],
      },
      targetPlacement: undefined,
      draftPlacement: undefined,
    },
    first: { tokens: [token(10, false)], stats: undefined },
    steps: [
      plain(0, 11, undefined),
      {
        tokens: [token(12, true), token(13, true), token(14, true), token(15, false)],
        stats: {
          ...blank(1, BonusToken.BONUS),
          ...draftFigures(3, 3, 3, 1, 1),
          draftTokens: [guess(12, 12), guess(13, 13), guess(14, 14)],
          numOverlappedDraftTokens: 2,
        },
      },
      {
        tokens: [token(16, true), token(17, false)],
        stats: {
          ...blank(2, BonusToken.CORRECTION),
          ...draftFigures(3, 1, 4, 1 / 3, 0.9 + 0.1 / 3),
          numEmittedTokens: 2,
          firstRejectedPosition: 1,
          draftTokens: [guess(16, 16), guess(90, 17), guess(91, undefined)],
          rolledBackTokens: 2,
          numDiscardedDraftTokens: 1,
        },
      },
      plain(3, 18, 0.9 + 0.1 / 3),
      plain(4, 19, 0.9 + 0.1 / 3),
      {
        tokens: [token(20, true), token(2, true)],
        stats: {
          ...blank(5, BonusToken.NONE),
          ...draftFigures(2, 2, 2, 1, 0.9 * (0.9 + 0.1 / 3) + 0.1),
          numEmittedTokens: 2,
          draftTokens: [guess(20, 20), guess(2, 2)],
        },
      },
    ],
    completion: {
      finishReason: FinishReason.END_OF_TEXT,
      matchedStop: '',
      usage: { promptTokens: 7, completionTokens: 12, cachedTokens: 2 },
      timings: {
        queueUs: 5,
        promptUs: 70,
        timeToFirstTokenUs: 75,
        decodeUs: 600,
        totalUs: 675,
        promptTokensPerSecond: (5 * 1e6) / 70,
        tokensPerSecond: (11 * 1e6) / 600,
      },
      speculation: {
        numSteps: 6,
        numSpecSteps: 3,
        numDraftTokens: 8,
        numAcceptedDraftTokens: 6,
        numRejectedDraftTokens: 2,
        numDiscardedDraftTokens: 1,
        numOverlappedDraftTokens: 2,
        draftAcceptanceRate: 0.75,
        emaAcceptanceRate: 0.9 * (0.9 + 0.1 / 3) + 0.1,
        meanAcceptanceLength: 3,
        acceptanceHistogram: [0, 1, 1, 1, 0],
        acceptedPerPosition: [3, 2, 1, 0],
        draftedPerPosition: [3, 3, 2, 0],
        draftUs: 60,
        verifyUs: 360,
        idleUs: 120,
        overheadUs: 120,
        estimatedBaselineTps: 10_000,
        estimatedSpeedup: (11 * 1e6) / 600 / 10_000,
        baselineMethod: BaselineMethod.MEASURED_PROBE,
        targetKvReusedTokens: 2,
        draftKvReusedTokens: 0,
        rolledBackTokens: 2,
        numReplayedSteps: 0,
        sources: [
          { source: DraftSource.DRAFT_MODEL, numDraftTokens: 8, numAcceptedDraftTokens: 6 },
        ],
        offReason: SpeculationOffReason.UNSPECIFIED,
      },
    },
  };
}

function token(id: number, fromDraft: boolean): Token {
  return { id, text: 't', fromDraft, topLogprobs: [] };
}

function guess(id: number, targetId: number | undefined): DraftedToken {
  return {
    id,
    text: 't',
    draftProbability: 0.5,
    accepted: id === targetId,
    targetId,
    source: DraftSource.DRAFT_MODEL,
  };
}

function plain(
  stepIndex: number,
  id: number,
  emaAcceptanceRate: number | undefined,
): GenerationStep & { stats: StepStats } {
  const stats = { ...blank(stepIndex, BonusToken.BONUS), emaAcceptanceRate };
  return { tokens: [token(id, false)], stats };
}

function blank(stepIndex: number, bonusToken: BonusToken): StepStats {
  return {
    stepIndex,
    numDraftTokens: 0,
    numAcceptedDraftTokens: 0,
    numEmittedTokens: 1,
    bonusToken,
    draftSource: DraftSource.UNSPECIFIED,
    draftStopReason: DraftStopReason.PARKED,
    draftTokens: [],
    draftUs: 0,
    verifyUs: 60,
    idleUs: 20,
    overheadUs: 20,
    stepUs: 100,
    numDiscardedDraftTokens: 0,
    numOverlappedDraftTokens: 0,
    plannedDraftLen: 0,
    tokensPerSecond: 1,
    rolledBackTokens: 0,
    replayed: false,
    batchSize: 1,
  };
}

function draftFigures(
  drafted: number,
  accepted: number,
  planned: number,
  rate: number,
  ema: number,
): Partial<StepStats> {
  return {
    numDraftTokens: drafted,
    numAcceptedDraftTokens: accepted,
    numEmittedTokens: accepted + 1,
    plannedDraftLen: planned,
    draftSource: DraftSource.DRAFT_MODEL,
    draftStopReason: DraftStopReason.MAX_LEN,
    draftAcceptanceRate: rate,
    emaAcceptanceRate: ema,
    draftUs: 20,
  };
}
