import {
  BaselineMethod,
  BonusToken,
  DraftSource,
  DraftStopReason,
  FinishReason,
  type GenerateResponse,
  SpeculationMode,
  SpeculationOffReason,
  type Token,
} from '@outrider/sdk/proto';
import fc from 'fast-check';
import { type StepRecord, StreamStats } from '../../../server/src/engine/stats.js';

/** A record of a step, plain unless it says otherwise, in which the rest fits what is given. */
export function record(over: Partial<StepRecord> = {}): StepRecord {
  const drafted = over.draftTokens ?? 0;
  const accepted = over.acceptedTokens ?? drafted;
  return {
    draftTokens: drafted,
    acceptedTokens: accepted,
    emittedTokens: accepted + 1,
    bonus: accepted === drafted ? BonusToken.BONUS : BonusToken.CORRECTION,
    source: drafted > 0 ? DraftSource.DRAFT_MODEL : DraftSource.UNSPECIFIED,
    stopReason: DraftStopReason.MAX_LEN,
    plannedDraftLen: drafted,
    draftUs: 10,
    verifyUs: 60,
    idleUs: 15,
    stepUs: 100,
    discardedTokens: 0,
    overlappedTokens: 0,
    rolledBackTokens: drafted - accepted,
    replayed: false,
    batchSize: 1,
    ...over,
  };
}

/** The events of a whole stream with these records. */
export function streamOf(
  records: readonly StepRecord[],
  maxDraftTokens: number,
  active: boolean,
): GenerateResponse[] {
  const stats = new StreamStats({ maxDraftTokens, active, invariants: true });
  const steps = records.map(one => ({
    tokens: Array.from({ length: one.emittedTokens }, (_, i) => token(i < one.acceptedTokens)),
    stats: stats.step(one),
  }));
  const last = records.at(-1);
  const whole = (last?.acceptedTokens ?? 0) + (last?.bonus === BonusToken.NONE ? 0 : 1);
  const cut = last !== undefined && last.emittedTokens < whole;
  const completionTokens = 1 + steps.reduce((sum, { tokens }) => sum + tokens.length, 0);
  const decodeUs = records.reduce((sum, { stepUs }) => sum + stepUs, 0);
  const rate = completionTokens > 1 ? ((completionTokens - 1) * 1e6) / decodeUs : undefined;
  const median = stats.plainStepMedianUs();
  const speculation = stats.summary({
    targetKvReusedTokens: 0,
    draftKvReusedTokens: 0,
    ...(median === undefined
      ? {}
      : { baseline: { tps: 1e6 / median, method: BaselineMethod.MEASURED_PROBE } }),
    ...(rate === undefined ? {} : { tokensPerSecond: rate }),
  });
  const finishReason = cut ? FinishReason.STOP : FinishReason.END_OF_TEXT;
  const timings = {
    queueUs: 1,
    promptUs: 2,
    timeToFirstTokenUs: 3,
    decodeUs,
    totalUs: 3 + decodeUs,
    tokensPerSecond: rate,
  };
  return [
    { event: { $case: 'started', value: started(maxDraftTokens, active) }, synthetic: false },
    ...[{ tokens: [token(false)], stats: undefined }, ...steps].map(value => ({
      event: { $case: 'step' as const, value },
      synthetic: false,
    })),
    {
      event: {
        $case: 'completion',
        value: {
          finishReason,
          matchedStop: '',
          usage: { promptTokens: 3, completionTokens, cachedTokens: 0 },
          timings,
          speculation,
        },
      },
      synthetic: false,
    },
  ];
}

function token(fromDraft: boolean): Token {
  return { id: 1, text: '', fromDraft, topLogprobs: [] };
}

function started(
  maxDraftTokens: number,
  active: boolean,
): Extract<NonNullable<GenerateResponse['event']>, { $case: 'started' }>['value'] {
  return {
    requestId: '',
    model: 'models/a',
    promptTokens: 3,
    cachedTokens: 0,
    seed: 1,
    speculation: {
      active,
      offReason: active ? SpeculationOffReason.UNSPECIFIED : SpeculationOffReason.DISABLED,
      detail: '',
      mode: SpeculationMode.AUTO,
      draftModel: '',
      sources: [],
      maxDraftTokens,
      minDraftTokens: 0,
      minDraftProbability: 0,
      overlap: false,
      targetDevices: [],
      draftDevices: [],
    },
    targetPlacement: undefined,
    draftPlacement: undefined,
  };
}

/** Records of a stream that drafts at most K: any mix of plain, accepted and corrected steps, ended in any way. */
export function records(most: number): fc.Arbitrary<StepRecord[]> {
  const us = fc.nat(5_000);
  const step = fc
    .record({
      planned: fc.nat(most),
      draftedOf: fc.nat(most),
      acceptedOf: fc.nat(most),
      overlappedOf: fc.nat(most),
      draftUs: us,
      verifyUs: us,
      idleUs: us,
      overheadUs: fc.integer({ min: 1, max: 300 }),
      discardedTokens: fc.nat(5),
      source: fc.constantFrom(DraftSource.DRAFT_MODEL, DraftSource.NGRAM, DraftSource.MIXED),
      batchSize: fc.integer({ min: 1, max: 8 }),
    })
    .map(({ planned, draftedOf, acceptedOf, overlappedOf, overheadUs, ...rest }) => {
      const draftTokens = Math.min(planned, draftedOf);
      const acceptedTokens = Math.min(draftTokens, acceptedOf);
      const source = draftTokens > 0 ? rest.source : DraftSource.UNSPECIFIED;
      return record({
        ...rest,
        source,
        draftTokens,
        acceptedTokens,
        plannedDraftLen: planned,
        overlappedTokens: Math.min(draftTokens, overlappedOf),
        stepUs: rest.verifyUs + rest.idleUs + overheadUs,
        ...(source === DraftSource.MIXED ? { bySource: halves(draftTokens, acceptedTokens) } : {}),
      });
    });
  const ending = fc.constantFrom('whole', 'cut', 'end of text');
  return fc.tuple(fc.array(step, { maxLength: 40 }), ending).map(([all, how]) => {
    const last = all.at(-1);
    if (last === undefined || how === 'whole') return all;
    if (how === 'cut') return [...all.slice(0, -1), { ...last, emittedTokens: 1 }];
    if (last.acceptedTokens === 0) return all;
    const ended = { ...last, bonus: BonusToken.NONE, emittedTokens: last.acceptedTokens };
    return [...all.slice(0, -1), ended];
  });
}

function halves(drafted: number, accepted: number): NonNullable<StepRecord['bySource']> {
  const first = Math.ceil(drafted / 2);
  const firstAccepted = Math.min(first, accepted);
  return [
    { source: DraftSource.NGRAM, numDraftTokens: first, numAcceptedDraftTokens: firstAccepted },
    {
      source: DraftSource.DRAFT_MODEL,
      numDraftTokens: drafted - first,
      numAcceptedDraftTokens: accepted - firstAccepted,
    },
  ];
}
