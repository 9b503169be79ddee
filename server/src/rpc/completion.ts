import {
  type GenerationCompletion,
  type GenerationStep,
  StatsLevel,
  type Timings,
} from '@outrider/sdk/proto';
import { type StreamCompletion } from '../engine/protocol.js';

/** The end of a generation as the caller sees it. `queueUs` is the time from its arrival to its start, in microseconds. */
export function completionView(
  completion: StreamCompletion,
  queueUs: number,
  level: StatsLevel,
): GenerationCompletion {
  const { finishReason, matchedStop, usage, speculation } = completion;
  return {
    finishReason,
    matchedStop,
    usage,
    timings: timings(completion, queueUs),
    speculation: level === StatsLevel.NONE ? undefined : speculation,
  };
}

/** A step without the statistics that the level leaves out. */
export function stepView(step: GenerationStep, level: StatsLevel): GenerationStep {
  if (level === StatsLevel.NONE || level === StatsLevel.SUMMARY) {
    return { tokens: step.tokens, stats: undefined };
  }
  if (level === StatsLevel.DETAILED || step.stats === undefined) return step;
  return { tokens: step.tokens, stats: { ...step.stats, draftTokens: [] } };
}

/** All times in whole microseconds, so that the sums are exact. */
export function timings(completion: StreamCompletion, queueUs: number): Timings {
  const { promptUs, decodeUs, usage } = completion;
  const timeToFirstTokenUs = queueUs + promptUs;
  const evaluated = usage.promptTokens - usage.cachedTokens;
  const later = usage.completionTokens - 1;
  return {
    queueUs,
    promptUs,
    timeToFirstTokenUs,
    decodeUs,
    totalUs: timeToFirstTokenUs + decodeUs,
    promptTokensPerSecond: promptUs > 0 ? (evaluated * 1e6) / promptUs : undefined,
    tokensPerSecond: later > 0 && decodeUs > 0 ? (later * 1e6) / decodeUs : undefined,
  };
}
