import { BaselineMethod, DraftSource, type StepStats } from '@outrider/sdk/proto';
import { holds, near, same } from './compare.js';
import { type Stream, list, speculative, sum } from './stream.js';

/** 7: times and their sums. */
export function* checkTimes({ steps, timings, usage }: Stream): Iterable<string> {
  for (const { stats } of steps) {
    const parts = [stats.idleUs, stats.verifyUs, stats.overheadUs];
    const total = parts.reduce((all, part) => all + part, 0);
    yield* same(
      `7: step ${stats.stepIndex}: step_us against ${parts.join(' + ')}`,
      stats.stepUs,
      total,
    );
    yield* holds(
      parts.every(part => part >= 0),
      `7: step ${stats.stepIndex}: idle, verify or overhead is negative: ${parts.join(', ')}`,
    );
  }
  yield* same(
    '7: decode_us',
    timings.decodeUs,
    sum(steps, s => s.stepUs),
  );
  yield* same(
    '7: time_to_first_token_us',
    timings.timeToFirstTokenUs,
    timings.queueUs + timings.promptUs,
  );
  yield* same('7: total_us', timings.totalUs, timings.timeToFirstTokenUs + timings.decodeUs);
  const rate =
    usage.completionTokens > 1
      ? ((usage.completionTokens - 1) * 1e6) / timings.decodeUs
      : undefined;
  yield* near('7: tokens_per_second', timings.tokensPerSecond, rate);
}

/** 8: the summary as a sum of its steps. */
export function* checkSums({ steps, summary, usage, started }: Stream): Iterable<string> {
  const drafted = sum(steps, s => s.numDraftTokens);
  const accepted = sum(steps, s => s.numAcceptedDraftTokens);
  yield* same('8: num_draft_tokens', summary.numDraftTokens, drafted);
  yield* same('8: num_accepted_draft_tokens', summary.numAcceptedDraftTokens, accepted);
  yield* same('8: num_rejected_draft_tokens', summary.numRejectedDraftTokens, drafted - accepted);
  yield* same(
    '8: num_discarded_draft_tokens',
    summary.numDiscardedDraftTokens,
    sum(steps, s => s.numDiscardedDraftTokens),
  );
  yield* same(
    '8: num_overlapped_draft_tokens',
    summary.numOverlappedDraftTokens,
    sum(steps, s => s.numOverlappedDraftTokens),
  );
  yield* same(
    '8: draft_us',
    summary.draftUs,
    sum(steps, s => s.draftUs),
  );
  yield* same(
    '8: verify_us',
    summary.verifyUs,
    sum(steps, s => s.verifyUs),
  );
  yield* same(
    '8: idle_us',
    summary.idleUs,
    sum(steps, s => s.idleUs),
  );
  yield* same(
    '8: overhead_us',
    summary.overheadUs,
    sum(steps, s => s.overheadUs),
  );
  yield* same(
    '8: rolled_back_tokens',
    summary.rolledBackTokens,
    sum(steps, s => s.rolledBackTokens),
  );
  yield* same(
    '8: num_replayed_steps',
    summary.numReplayedSteps,
    steps.filter(({ stats }) => stats.replayed).length,
  );
  yield* same('8: target_kv_reused_tokens', summary.targetKvReusedTokens, usage.cachedTokens);
  yield* same('8: cached_tokens of started', started.cachedTokens, usage.cachedTokens);
  const { sources } = summary;
  const count = (total: number, part: number): number => total + part;
  yield* same(
    '8: num_draft_tokens over sources',
    sources.map(s => s.numDraftTokens).reduce(count, 0),
    drafted,
  );
  yield* same(
    '8: num_accepted_draft_tokens over sources',
    sources.map(s => s.numAcceptedDraftTokens).reduce(count, 0),
    accepted,
  );
  for (const { source, numDraftTokens } of sources)
    yield* holds(
      numDraftTokens > 0 && source !== DraftSource.MIXED && source !== DraftSource.UNSPECIFIED,
      `8: sources has ${source} with ${numDraftTokens} tokens`,
    );
  for (const { stats } of steps)
    yield* holds(
      (stats.draftSource === DraftSource.UNSPECIFIED) === (stats.numDraftTokens === 0),
      `8: step ${stats.stepIndex}: draft_source is ${stats.draftSource} with ${stats.numDraftTokens} tokens`,
    );
}

/** 9: counts by length and by position. */
export function* checkHistograms({ steps, summary, started }: Stream): Iterable<string> {
  const speculation = started.speculation;
  const most = speculation?.active === true ? speculation.maxDraftTokens : -1;
  const spec = speculative(steps);
  const histogram = Array.from(
    { length: most + 1 },
    (_, j) => spec.filter(s => s.numAcceptedDraftTokens === j).length,
  );
  const at = (reached: (stats: StepStats) => number): number[] =>
    Array.from({ length: Math.max(0, most) }, (_, i) => spec.filter(s => reached(s) > i).length);
  yield* same('9: acceptance_histogram', list(summary.acceptanceHistogram), list(histogram));
  yield* same(
    '9: accepted_per_position',
    list(summary.acceptedPerPosition),
    list(at(s => s.numAcceptedDraftTokens)),
  );
  yield* same(
    '9: drafted_per_position',
    list(summary.draftedPerPosition),
    list(at(s => s.numDraftTokens)),
  );
}

/** 10: acceptance rates. */
export function* checkRates({ steps, summary }: Stream): Iterable<string> {
  let ema: number | undefined;
  for (const { stats } of steps) {
    const drafted = stats.numDraftTokens;
    const rate = drafted > 0 ? stats.numAcceptedDraftTokens / drafted : undefined;
    if (rate !== undefined) ema = ema === undefined ? rate : 0.9 * ema + 0.1 * rate;
    yield* near(
      `10: step ${stats.stepIndex}: draft_acceptance_rate`,
      stats.draftAcceptanceRate,
      rate,
    );
    yield* near(`10: step ${stats.stepIndex}: ema_acceptance_rate`, stats.emaAcceptanceRate, ema);
  }
  const drafted = sum(steps, s => s.numDraftTokens);
  const accepted = sum(steps, s => s.numAcceptedDraftTokens);
  const spec = speculative(steps).length;
  yield* near(
    '10: draft_acceptance_rate',
    summary.draftAcceptanceRate,
    drafted > 0 ? accepted / drafted : undefined,
  );
  yield* near(
    '10: mean_acceptance_length',
    summary.meanAcceptanceLength,
    spec > 0 ? 1 + accepted / spec : undefined,
  );
  yield* near('10: ema_acceptance_rate', summary.emaAcceptanceRate, ema);
}

/** 11: the baseline and the speed-up over it. */
export function* checkSpeedup({ steps, summary, timings, started }: Stream): Iterable<string> {
  const { estimatedBaselineTps: baseline, estimatedSpeedup, baselineMethod } = summary;
  const none = baselineMethod === BaselineMethod.NONE;
  const plain = steps.length - speculative(steps).length;
  yield* holds(
    baselineMethod !== BaselineMethod.UNSPECIFIED,
    '11: baseline_method is never unspecified',
  );
  yield* holds(
    (baseline === undefined) === none,
    `11: ${baselineMethod} with estimated_baseline_tps ${baseline ?? 'unset'}`,
  );
  yield* holds(
    (estimatedSpeedup === undefined) === none,
    `11: ${baselineMethod} with estimated_speedup ${estimatedSpeedup ?? 'unset'}`,
  );
  yield* holds(
    none || started.speculation?.active === true,
    `11: ${baselineMethod} although speculation is not active`,
  );
  yield* holds(
    baselineMethod !== BaselineMethod.MEASURED_PROBE || plain >= 3,
    `11: MEASURED_PROBE from ${plain} plain steps`,
  );
  if (baseline !== undefined && estimatedSpeedup !== undefined)
    yield* near(
      '11: estimated_speedup',
      estimatedSpeedup,
      (timings.tokensPerSecond ?? NaN) / baseline,
    );
}
