import type * as wire from '../proto.js';
import { type GenerateOptions } from '../types/generate.js';
import {
  type AllowedDraftSource,
  type EffectiveSpeculation,
  type Speculation,
} from '../types/speculation.js';
import { draftSource, offReason, overlap, speculationMode, unavailablePolicy } from './enums.js';
import { refuseUnknown, textOrAbsent, withoutAbsent } from './presence.js';

/** How to speculate, as it is sent. @throws InvalidRequestError for unknown options and values */
export function writeSpeculation(
  speculation: GenerateOptions['speculation'],
): wire.SpeculationParams | undefined {
  if (speculation === undefined) return undefined;
  const {
    mode,
    maxDraftTokens,
    minDraftTokens,
    minDraftProbability,
    sources,
    overlap: overlapped,
    onUnavailable,
    synthetic,
    ...unknown
  } = spelledOut(speculation);
  refuseUnknown(unknown, 'speculation.');
  return {
    mode: speculationMode.write(mode, 'speculation.mode'),
    maxDraftTokens,
    minDraftTokens,
    minDraftProbability,
    sources: (sources ?? []).map((source, i) =>
      draftSource.write(source, `speculation.sources[${i}]`),
    ),
    overlap: overlap.write(overlapped, 'speculation.overlap'),
    onUnavailable: unavailablePolicy.write(onUnavailable, 'speculation.onUnavailable'),
    synthetic: synthetic && { rates: [...synthetic] },
  };
}

/** How a request speculates; what is not set is left out. */
export function readSpeculation(params: wire.SpeculationParams): Speculation {
  const sources = readSources(params.sources).filter(isAllowed);
  return withoutAbsent({
    mode: speculationMode.read(params.mode),
    maxDraftTokens: params.maxDraftTokens,
    minDraftTokens: params.minDraftTokens,
    minDraftProbability: params.minDraftProbability,
    sources: sources.length === 0 ? undefined : sources,
    overlap: overlap.read(params.overlap),
    onUnavailable: unavailablePolicy.read(params.onUnavailable),
    synthetic: params.synthetic?.rates,
  });
}

/** What a generation will really do. */
export function readEffectiveSpeculation(
  speculation: wire.EffectiveSpeculation,
): EffectiveSpeculation {
  return {
    ...speculation,
    offReason: offReason.read(speculation.offReason),
    detail: textOrAbsent(speculation.detail),
    mode: speculationMode.read(speculation.mode),
    draftModel: textOrAbsent(speculation.draftModel),
    sources: readSources(speculation.sources),
  };
}

/** The inverse of {@link readEffectiveSpeculation}. */
export function writeEffectiveSpeculation(
  speculation: EffectiveSpeculation,
): wire.EffectiveSpeculation {
  return {
    ...speculation,
    offReason: offReason.write(speculation.offReason, 'offReason'),
    detail: speculation.detail ?? '',
    mode: speculationMode.write(speculation.mode, 'mode'),
    draftModel: speculation.draftModel ?? '',
    sources: speculation.sources.map(source => draftSource.write(source, 'sources')),
  };
}

function spelledOut(speculation: NonNullable<GenerateOptions['speculation']>): Speculation {
  if (typeof speculation === 'number') return { mode: 'fixed', maxDraftTokens: speculation };
  return typeof speculation === 'string' ? { mode: speculation } : speculation;
}

function readSources(sources: readonly wire.DraftSource[]) {
  return sources.map(draftSource.read).filter(source => source !== undefined);
}

function isAllowed(source: AllowedDraftSource | 'mixed'): source is AllowedDraftSource {
  return source !== 'mixed';
}
