import { BaselineMethod, DraftSource } from '@outrider/sdk/proto';
import { type BreakCase, inStep } from './break.js';

/** Breaks of the identities 7 to 12. */
export const summaryBreaks: readonly BreakCase[] = [
  [
    'a step time that is not the sum of its parts',
    '7: step 4: step_us against 20 + 61 + 20 is 100, not 101',
    inStep(4, s => (s.verifyUs = 61)),
  ],
  [
    'a negative overhead',
    '7: step 4: idle, verify or overhead is negative: 50, 60, -10',
    inStep(4, s => {
      s.idleUs = 50;
      s.overheadUs = -10;
    }),
  ],
  [
    'a decode time that is not the sum of the steps',
    '7: decode_us is 601, not 600',
    s => (s.completion.timings.decodeUs = 601),
  ],
  [
    'a wrong time to the first token',
    '7: time_to_first_token_us is 74, not 75',
    s => (s.completion.timings.timeToFirstTokenUs = 74),
  ],
  ['a wrong total time', '7: total_us is 600, not 675', s => (s.completion.timings.totalUs = 600)],
  [
    'a wrong rate of the stream',
    '7: tokens_per_second is 20000',
    s => (s.completion.timings.tokensPerSecond = 20_000),
  ],
  [
    'a drafted total that is off',
    '8: num_draft_tokens is 9, not 8',
    s => (s.completion.speculation.numDraftTokens = 9),
  ],
  [
    'an accepted total that is off',
    '8: num_accepted_draft_tokens is 7, not 6',
    s => (s.completion.speculation.numAcceptedDraftTokens = 7),
  ],
  [
    'a rejected total that is off',
    '8: num_rejected_draft_tokens is 1, not 2',
    s => (s.completion.speculation.numRejectedDraftTokens = 1),
  ],
  [
    'a discarded total that is off',
    '8: num_discarded_draft_tokens is 3, not 1',
    s => (s.completion.speculation.numDiscardedDraftTokens = 3),
  ],
  [
    'an overlapped total that is off',
    '8: num_overlapped_draft_tokens is 0, not 2',
    s => (s.completion.speculation.numOverlappedDraftTokens = 0),
  ],
  [
    'a draft time that is off',
    '8: draft_us is 61, not 60',
    s => (s.completion.speculation.draftUs = 61),
  ],
  [
    'a verify time that is off',
    '8: verify_us is 1, not 360',
    s => (s.completion.speculation.verifyUs = 1),
  ],
  [
    'an idle time that is off',
    '8: idle_us is 1, not 120',
    s => (s.completion.speculation.idleUs = 1),
  ],
  [
    'an overhead that is off',
    '8: overhead_us is 1, not 120',
    s => (s.completion.speculation.overheadUs = 1),
  ],
  [
    'a rolled back total that is off',
    '8: rolled_back_tokens is 0, not 2',
    s => (s.completion.speculation.rolledBackTokens = 0),
  ],
  [
    'replays that no step had',
    '8: num_replayed_steps is 1, not 0',
    s => (s.completion.speculation.numReplayedSteps = 1),
  ],
  [
    'reuse that usage does not know',
    '8: target_kv_reused_tokens is 3, not 2',
    s => (s.completion.speculation.targetKvReusedTokens = 3),
  ],
  [
    'a cached prompt that changes',
    '8: cached_tokens of started is 0, not 2',
    s => (s.started.cachedTokens = 0),
  ],
  [
    'sources that miss tokens',
    '8: num_draft_tokens over sources is 5, not 8',
    s => s.completion.speculation.sources.forEach(x => (x.numDraftTokens = 5)),
  ],
  [
    'sources that miss accepted tokens',
    '8: num_accepted_draft_tokens over sources is 5, not 6',
    s => s.completion.speculation.sources.forEach(x => (x.numAcceptedDraftTokens = 5)),
  ],
  [
    'a mixed source',
    '8: sources has DRAFT_SOURCE_MIXED',
    s => s.completion.speculation.sources.forEach(x => (x.source = DraftSource.MIXED)),
  ],
  [
    'a source without tokens',
    '8: sources has DRAFT_SOURCE_NGRAM with 0 tokens',
    s =>
      s.completion.speculation.sources.push({
        source: DraftSource.NGRAM,
        numDraftTokens: 0,
        numAcceptedDraftTokens: 0,
      }),
  ],
  [
    'a plain step with a source',
    '8: step 0: draft_source is DRAFT_SOURCE_NGRAM with 0 tokens',
    inStep(0, s => (s.draftSource = DraftSource.NGRAM)),
  ],
  [
    'a histogram that is off',
    '9: acceptance_histogram is [1, 1, 1, 1, 0], not [0, 1, 1, 1, 0]',
    s => (s.completion.speculation.acceptanceHistogram[0] = 1),
  ],
  [
    'a histogram that is short',
    '9: acceptance_histogram is [0, 1, 1, 1], not',
    s => s.completion.speculation.acceptanceHistogram.pop(),
  ],
  [
    'accepted positions that are off',
    '9: accepted_per_position is [2, 2, 1, 0], not [3, 2, 1, 0]',
    s => (s.completion.speculation.acceptedPerPosition[0] = 2),
  ],
  [
    'drafted positions that are off',
    '9: drafted_per_position is [3, 3, 2, 1], not [3, 3, 2, 0]',
    s => (s.completion.speculation.draftedPerPosition[3] = 1),
  ],
  [
    'a step rate that is off',
    '10: step 1: draft_acceptance_rate is 0.9, not 1',
    inStep(1, s => (s.draftAcceptanceRate = 0.9)),
  ],
  [
    'a rate of a plain step',
    '10: step 0: draft_acceptance_rate is 0, not unset',
    inStep(0, s => (s.draftAcceptanceRate = 0)),
  ],
  [
    'a moving average that is off',
    '10: step 2: ema_acceptance_rate is 0.5',
    inStep(2, s => (s.emaAcceptanceRate = 0.5)),
  ],
  [
    'a moving average before the first draft',
    '10: step 0: ema_acceptance_rate is 1, not unset',
    inStep(0, s => (s.emaAcceptanceRate = 1)),
  ],
  [
    'a total rate that is off',
    '10: draft_acceptance_rate is 0.8, not 0.75',
    s => (s.completion.speculation.draftAcceptanceRate = 0.8),
  ],
  [
    'a length without the own token',
    '10: mean_acceptance_length is 2, not 3',
    s => (s.completion.speculation.meanAcceptanceLength = 2),
  ],
  [
    'a last average that is off',
    '10: ema_acceptance_rate is unset, not 0.94',
    s => (s.completion.speculation.emaAcceptanceRate = undefined),
  ],
  [
    'a speed-up that is off',
    '11: estimated_speedup is 2, not 1.83',
    s => (s.completion.speculation.estimatedSpeedup = 2),
  ],
  [
    'a baseline without a method',
    '11: baseline_method is never unspecified',
    s => (s.completion.speculation.baselineMethod = BaselineMethod.UNSPECIFIED),
  ],
  [
    'a number where there is no method',
    '11: BASELINE_METHOD_NONE with estimated_baseline_tps 10000',
    s => (s.completion.speculation.baselineMethod = BaselineMethod.NONE),
  ],
  [
    'a method without a speed-up',
    '11: BASELINE_METHOD_MEASURED_PROBE with estimated_speedup unset',
    s => (s.completion.speculation.estimatedSpeedup = undefined),
  ],
  [
    'a baseline of a stream that does not speculate',
    '11: BASELINE_METHOD_MEASURED_PROBE although speculation is not active',
    s => (s.started.speculation.active = false),
  ],
  [
    'a probe of too few plain steps',
    '11: MEASURED_PROBE from 2 plain steps',
    inStep(4, s => (s.numDraftTokens = 1)),
  ],
  ['a replay', '12: step 3: replayed', inStep(3, s => (s.replayed = true))],
  [
    'a position that was not trimmed',
    '12: step 2: rolled_back_tokens is 1, not 2',
    inStep(2, s => (s.rolledBackTokens = 1)),
  ],
];
