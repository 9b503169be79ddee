import {
  BaselineMethod,
  type EffectiveSpeculation,
  type GenerationCompletion,
  type GenerationStarted,
  SpeculationOffReason,
  type SpeculationSummary,
} from '@outrider/sdk/proto';
import { enumWord } from './table.js';

/** The closing line of `outrider run`: how much came, how fast, and what speculation did for it. */
export function figures(started: GenerationStarted, completion: GenerationCompletion): string {
  const { finishReason, usage, timings, speculation } = completion;
  const rate = timings?.tokensPerSecond;
  return [
    `${usage?.completionTokens ?? 0} tokens (${enumWord(finishReason, 'FINISH_REASON_')})`,
    ...(rate === undefined ? [] : [`${rate.toFixed(1)} tokens/s`]),
    ...speculationFigures(started.speculation, speculation),
  ].join(', ');
}

function speculationFigures(
  effective: EffectiveSpeculation | undefined,
  summary: SpeculationSummary | undefined,
): string[] {
  if (effective?.active !== true) return [`speculation off: ${why(effective)}`];
  if (summary === undefined) return ['speculation on, its figures left out by --stats none'];
  const ended = offReason(summary.offReason);
  return [
    ...(effective.offReason === SpeculationOffReason.UNSPECIFIED
      ? []
      : [`without the draft model: ${why(effective)}`]),
    ...acceptance(summary),
    speedup(summary),
    ...(ended === '' ? [] : [`drafting ended early: ${ended}`]),
  ];
}

function acceptance(summary: SpeculationSummary): string[] {
  const { numAcceptedDraftTokens, numDraftTokens, draftAcceptanceRate, meanAcceptanceLength } =
    summary;
  if (numDraftTokens === 0) return ['0/0 drafted tokens accepted'];
  return [
    `${numAcceptedDraftTokens}/${numDraftTokens} drafted tokens accepted`,
    `acceptance rate ${draftAcceptanceRate?.toFixed(2) ?? '-'}`,
    `mean acceptance length ${meanAcceptanceLength?.toFixed(2) ?? '-'}`,
  ];
}

function speedup({ estimatedSpeedup, baselineMethod }: SpeculationSummary): string {
  if (estimatedSpeedup === undefined || baselineMethod === BaselineMethod.NONE) {
    return 'speed-up not estimated';
  }
  const method = enumWord(baselineMethod, 'BASELINE_METHOD_');
  return `estimated speed-up ${estimatedSpeedup.toFixed(2)} (${method})`;
}

function why(effective: EffectiveSpeculation | undefined): string {
  if (effective === undefined) return 'not reported';
  const reason = offReason(effective.offReason);
  return effective.detail === '' ? reason : `${reason} (${effective.detail})`;
}

function offReason(value: string): string {
  const name = value.replace(/^SPECULATION_OFF_REASON_/, '');
  return name === 'UNSPECIFIED' ? '' : name;
}
