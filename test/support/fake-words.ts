import {
  BaselineMethod,
  BonusToken,
  DraftSource,
  DraftStopReason,
  FinishReason,
  type StepStats,
} from '@outrider/sdk/proto';
import { type YieldedEvent } from '../../server/src/engine/engine.js';
import { type GenerateSpec } from '../../server/src/engine/protocol.js';

/** The words of a stream, with the counts of speculation that belong to them. */
export function* words(
  spec: GenerateSpec,
  contextLength: number,
  textOf: (index: number) => string = index => `w${index} `,
): Generator<YieldedEvent> {
  const { promptIds, maxTokens, speculation } = spec;
  const room = contextLength - promptIds.length;
  const total = Math.min(maxTokens, room);
  const most = speculation.draftModel === undefined ? 0 : speculation.maxDraftTokens;
  const word = (i: number, fromDraft: boolean) => ({
    id: 10 + (i % 80),
    text: textOf(i),
    fromDraft,
    topLogprobs: [],
  });
  yield { type: 'step', step: { tokens: [word(0, false)], stats: undefined } };
  const all: StepStats[] = [];
  for (let produced = 1; produced < total;) {
    const drafted = Math.min(most, total - produced - 1);
    const accepted = Math.floor(drafted / 2);
    const stats = stepStats(all.length, drafted, accepted, most);
    all.push(stats);
    const first = produced;
    produced += accepted + 1;
    const tokens = Array.from({ length: accepted + 1 }, (_, i) => word(first + i, i < accepted));
    yield { type: 'step', step: { tokens, stats } };
  }
  yield { type: 'completed', completion: completionOf(spec, all, total, total < maxTokens) };
}

function stepStats(index: number, drafted: number, accepted: number, planned: number): StepStats {
  const missed = accepted < drafted;
  return {
    stepIndex: index,
    numDraftTokens: drafted,
    numAcceptedDraftTokens: accepted,
    numEmittedTokens: accepted + 1,
    firstRejectedPosition: missed ? accepted : undefined,
    bonusToken: missed ? BonusToken.CORRECTION : BonusToken.BONUS,
    draftSource: drafted > 0 ? DraftSource.DRAFT_MODEL : DraftSource.UNSPECIFIED,
    draftStopReason: planned > 0 ? DraftStopReason.MAX_LEN : DraftStopReason.DISABLED,
    draftTokens: Array.from({ length: drafted }, (_, i) => ({
      id: 10,
      text: '',
      draftProbability: 0.5,
      accepted: i < accepted,
      targetId: i < accepted ? 10 : i === accepted ? 11 : undefined,
      source: DraftSource.DRAFT_MODEL,
    })),
    draftUs: drafted * 10,
    verifyUs: 100,
    idleUs: drafted * 10,
    overheadUs: 5,
    stepUs: 105 + drafted * 10,
    numDiscardedDraftTokens: 0,
    numOverlappedDraftTokens: 0,
    plannedDraftLen: planned,
    draftAcceptanceRate: drafted > 0 ? accepted / drafted : undefined,
    emaAcceptanceRate: undefined,
    tokensPerSecond: 1000,
    rolledBackTokens: drafted - accepted,
    replayed: false,
    batchSize: 1,
  };
}

function completionOf(spec: GenerateSpec, all: StepStats[], total: number, full: boolean) {
  const sum = (of: (step: StepStats) => number) => all.reduce((so, step) => so + of(step), 0);
  const [drafted, accepted] = [sum(s => s.numDraftTokens), sum(s => s.numAcceptedDraftTokens)];
  return {
    finishReason: full ? FinishReason.CONTEXT : FinishReason.LENGTH,
    matchedStop: '',
    usage: { promptTokens: spec.promptIds.length, completionTokens: total, cachedTokens: 0 },
    promptUs: 700,
    decodeUs: sum(step => step.stepUs),
    speculation: {
      numSteps: all.length,
      numSpecSteps: all.filter(step => step.numDraftTokens > 0).length,
      numDraftTokens: drafted,
      numAcceptedDraftTokens: accepted,
      numRejectedDraftTokens: drafted - accepted,
      numDiscardedDraftTokens: 0,
      numOverlappedDraftTokens: 0,
      acceptanceHistogram: [],
      acceptedPerPosition: [],
      draftedPerPosition: [],
      draftUs: sum(step => step.draftUs),
      verifyUs: sum(step => step.verifyUs),
      idleUs: sum(step => step.idleUs),
      overheadUs: sum(step => step.overheadUs),
      baselineMethod: BaselineMethod.NONE,
      targetKvReusedTokens: 0,
      draftKvReusedTokens: 0,
      rolledBackTokens: drafted - accepted,
      numReplayedSteps: 0,
      sources: [],
      offReason: 'SPECULATION_OFF_REASON_UNSPECIFIED' as const,
    },
  };
}
