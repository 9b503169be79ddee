import {
  BaselineMethod,
  BonusToken,
  DraftSource,
  type SourceStats,
  SpeculationOffReason,
  type SpeculationSummary,
  type StepStats,
} from '@outrider/sdk/proto';
import { checkRecord } from './stats/check-record.js';
import { type StepRecord, type StreamEnd, type StreamStatsOptions } from './stats/step-record.js';

export { type StepRecord, type StreamEnd, type StreamStatsOptions } from './stats/step-record.js';

const EMA_WEIGHT = 0.1;
const RATE_STEPS = 16;
const MIN_PLAIN_STEPS = 3;

/** The step statistics of one stream, and their fold into a summary. */
export class StreamStats {
  readonly #options: StreamStatsOptions;
  readonly #totals = {
    steps: 0,
    specSteps: 0,
    drafted: 0,
    accepted: 0,
    discarded: 0,
    overlapped: 0,
    draftUs: 0,
    verifyUs: 0,
    idleUs: 0,
    overheadUs: 0,
    rolledBack: 0,
    replayed: 0,
  };
  readonly #histogram: number[];
  readonly #acceptedAt: number[];
  readonly #draftedAt: number[];
  readonly #sources = new Map<DraftSource, SourceStats>();
  readonly #plainStepUs: number[] = [];
  readonly #recent: { emitted: number; stepUs: number }[] = [];
  #ema: number | undefined;
  #pendingDiscards = 0;

  constructor(options: StreamStatsOptions) {
    const positions = options.active ? options.maxDraftTokens : 0;
    this.#options = options;
    this.#histogram = Array.from({ length: options.active ? positions + 1 : 0 }, () => 0);
    this.#acceptedAt = Array.from({ length: positions }, () => 0);
    this.#draftedAt = Array.from({ length: positions }, () => 0);
  }

  /**
   * Takes the record of the next step and returns its statistics, ready to be sent.
   * @throws Error where a MIXED record does not count its sources, or with `invariants` where it contradicts itself
   */
  step(record: StepRecord): StepStats {
    if (this.#options.invariants === true) checkRecord(record, this.#options);
    const { draftTokens, acceptedTokens } = record;
    const overheadUs = record.stepUs - record.idleUs - record.verifyUs;
    const discarded = record.discardedTokens + this.#pendingDiscards;
    this.#pendingDiscards = 0;
    const stepIndex = this.#totals.steps;
    if (draftTokens > 0) this.#countDraft(record);
    // A step that waited for a draft and got none took longer than plain decoding would have.
    else if (record.plannedDraftLen === 0) this.#plainStepUs.push(record.stepUs);
    this.#add(record, discarded, overheadUs);
    return {
      stepIndex,
      numDraftTokens: draftTokens,
      numAcceptedDraftTokens: acceptedTokens,
      numEmittedTokens: record.emittedTokens,
      ...(record.bonus === BonusToken.CORRECTION ? { firstRejectedPosition: acceptedTokens } : {}),
      bonusToken: record.bonus,
      draftSource: record.source,
      draftStopReason: record.stopReason,
      draftTokens: [...(record.drafted ?? [])],
      draftUs: record.draftUs,
      verifyUs: record.verifyUs,
      idleUs: record.idleUs,
      overheadUs,
      stepUs: record.stepUs,
      numDiscardedDraftTokens: discarded,
      numOverlappedDraftTokens: record.overlappedTokens,
      plannedDraftLen: record.plannedDraftLen,
      ...(draftTokens > 0 ? { draftAcceptanceRate: acceptedTokens / draftTokens } : {}),
      ...(this.#ema === undefined ? {} : { emaAcceptanceRate: this.#ema }),
      tokensPerSecond: this.#recentRate(record),
      rolledBackTokens: record.rolledBackTokens,
      replayed: record.replayed,
      batchSize: record.batchSize,
    };
  }

  /**
   * Counts proposals that left the chain outside any record. They show in the next step; after the last one they
   * show in the summary alone, which then counts more than its steps do.
   */
  discard(count: number): void {
    this.#pendingDiscards += count;
  }

  /** Median time of the steps for which no draft was planned, in microseconds; unset below three of them. */
  plainStepMedianUs(): number | undefined {
    if (this.#plainStepUs.length < MIN_PLAIN_STEPS) return undefined;
    const sorted = [...this.#plainStepUs].sort((a, b) => a - b);
    const middle = sorted.length >> 1;
    const upper = sorted[middle] ?? 0;
    return sorted.length % 2 === 1 ? upper : (upper + (sorted[middle - 1] ?? 0)) / 2;
  }

  /** All steps so far. No baseline is told where speculation is not active, or where the stream has no rate of its own. */
  summary(end: StreamEnd): SpeculationSummary {
    const t = this.#totals;
    return {
      numSteps: t.steps,
      numSpecSteps: t.specSteps,
      numDraftTokens: t.drafted,
      numAcceptedDraftTokens: t.accepted,
      numRejectedDraftTokens: t.drafted - t.accepted,
      numDiscardedDraftTokens: t.discarded + this.#pendingDiscards,
      numOverlappedDraftTokens: t.overlapped,
      ...(t.drafted > 0 ? { draftAcceptanceRate: t.accepted / t.drafted } : {}),
      ...(this.#ema === undefined ? {} : { emaAcceptanceRate: this.#ema }),
      ...(t.specSteps > 0 ? { meanAcceptanceLength: 1 + t.accepted / t.specSteps } : {}),
      acceptanceHistogram: [...this.#histogram],
      acceptedPerPosition: [...this.#acceptedAt],
      draftedPerPosition: [...this.#draftedAt],
      draftUs: t.draftUs,
      verifyUs: t.verifyUs,
      idleUs: t.idleUs,
      overheadUs: t.overheadUs,
      ...this.#baseline(end),
      targetKvReusedTokens: end.targetKvReusedTokens,
      draftKvReusedTokens: end.draftKvReusedTokens,
      rolledBackTokens: t.rolledBack,
      numReplayedSteps: t.replayed,
      sources: [...this.#sources.values()].map(source => ({ ...source })),
      offReason: end.offReason ?? SpeculationOffReason.UNSPECIFIED,
    };
  }

  #countDraft(record: StepRecord): void {
    const { draftTokens, acceptedTokens, source } = record;
    if (source === DraftSource.MIXED && record.bySource === undefined) {
      throw new Error('a step of mixed sources does not say how many tokens came from each');
    }
    const whole = { source, numDraftTokens: draftTokens, numAcceptedDraftTokens: acceptedTokens };
    for (const part of record.bySource ?? [whole]) {
      const sum = this.#sources.get(part.source) ?? {
        source: part.source,
        numDraftTokens: 0,
        numAcceptedDraftTokens: 0,
      };
      sum.numDraftTokens += part.numDraftTokens;
      sum.numAcceptedDraftTokens += part.numAcceptedDraftTokens;
      if (sum.numDraftTokens > 0) this.#sources.set(part.source, sum);
    }
    const rate = acceptedTokens / draftTokens;
    this.#ema = this.#ema === undefined ? rate : (1 - EMA_WEIGHT) * this.#ema + EMA_WEIGHT * rate;
    this.#totals.specSteps++;
    bump(this.#histogram, acceptedTokens);
    for (let i = 0; i < draftTokens; i++) bump(this.#draftedAt, i);
    for (let i = 0; i < acceptedTokens; i++) bump(this.#acceptedAt, i);
  }

  #add(record: StepRecord, discarded: number, overheadUs: number): void {
    const t = this.#totals;
    t.steps++;
    t.drafted += record.draftTokens;
    t.accepted += record.acceptedTokens;
    t.discarded += discarded;
    t.overlapped += record.overlappedTokens;
    t.draftUs += record.draftUs;
    t.verifyUs += record.verifyUs;
    t.idleUs += record.idleUs;
    t.overheadUs += overheadUs;
    t.rolledBack += record.rolledBackTokens;
    if (record.replayed) t.replayed++;
  }

  #recentRate(record: StepRecord): number {
    this.#recent.push({ emitted: record.emittedTokens, stepUs: record.stepUs });
    if (this.#recent.length > RATE_STEPS) this.#recent.shift();
    let emitted = 0;
    let us = 0;
    for (const step of this.#recent) {
      emitted += step.emitted;
      us += step.stepUs;
    }
    return us > 0 ? (emitted * 1e6) / us : 0;
  }

  #baseline(
    end: StreamEnd,
  ): Pick<SpeculationSummary, 'estimatedBaselineTps' | 'estimatedSpeedup' | 'baselineMethod'> {
    const { baseline, tokensPerSecond } = end;
    const known = baseline !== undefined && baseline.method !== BaselineMethod.NONE;
    if (!this.#options.active || !known || tokensPerSecond === undefined || !(baseline.tps > 0)) {
      return { baselineMethod: BaselineMethod.NONE };
    }
    return {
      estimatedBaselineTps: baseline.tps,
      estimatedSpeedup: tokensPerSecond / baseline.tps,
      baselineMethod: baseline.method,
    };
  }
}

function bump(counts: number[], index: number): void {
  const count = counts[index];
  // A position past the limit has no entry; adding one would bring an array of the wrong length to the client.
  if (count !== undefined) counts[index] = count + 1;
}
