import type * as wire from '../proto.js';
import { type SpeculationSummary, type StepStats } from '../types/statistics.js';
import { baselineMethod, bonusToken, draftSource, draftStopReason, offReason } from './enums.js';

/** Statistics of one step. */
export function readStepStats(stats: wire.StepStats): StepStats {
  return {
    ...stats,
    bonusToken: bonusToken.read(stats.bonusToken),
    draftSource: draftSource.read(stats.draftSource),
    draftStopReason: draftStopReason.read(stats.draftStopReason),
    draftTokens: stats.draftTokens.map(token => ({
      ...token,
      source: draftSource.read(token.source),
    })),
  };
}

/** The inverse of {@link readStepStats}. */
export function writeStepStats(stats: StepStats): wire.StepStats {
  return {
    ...stats,
    bonusToken: bonusToken.write(stats.bonusToken, 'bonusToken'),
    draftSource: draftSource.write(stats.draftSource, 'draftSource'),
    draftStopReason: draftStopReason.write(stats.draftStopReason, 'draftStopReason'),
    draftTokens: stats.draftTokens.map(token => ({
      ...token,
      source: draftSource.write(token.source, 'source'),
    })),
  };
}

/** Statistics of a whole generation. */
export function readSummary(summary: wire.SpeculationSummary): SpeculationSummary {
  return {
    ...summary,
    baselineMethod: baselineMethod.read(summary.baselineMethod),
    sources: summary.sources.map(source => ({
      ...source,
      source: draftSource.read(source.source),
    })),
    offReason: offReason.read(summary.offReason),
  };
}

/** The inverse of {@link readSummary}. */
export function writeSummary(summary: SpeculationSummary): wire.SpeculationSummary {
  return {
    ...summary,
    baselineMethod: baselineMethod.write(summary.baselineMethod, 'baselineMethod'),
    sources: summary.sources.map(source => ({
      ...source,
      source: draftSource.write(source.source, 'source'),
    })),
    offReason: offReason.write(summary.offReason, 'offReason'),
  };
}
