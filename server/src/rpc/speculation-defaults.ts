import {
  Overlap,
  SpeculationMode,
  type SpeculationParams,
  type GenerateRequest,
  UnavailablePolicy,
} from '@outrider/sdk/proto';
import { canonicalName } from '../registry/model-name.js';
import { type WantedSpeculation } from '../registry/speculation.js';

/** The contract's `max_draft_tokens` of a request that leaves it unset; `min_draft_tokens` may not be above it. */
export function defaultMaxDraftTokens(mode: SpeculationMode | undefined): number {
  return mode === SpeculationMode.FIXED ? 4 : 16;
}

/** What a request wants, with the server's defaults and then the contract's in what it leaves unset. */
export function wantedSpeculation(
  request: Pick<GenerateRequest, 'draftModel' | 'speculation'>,
  defaults: Partial<SpeculationParams>,
): WantedSpeculation {
  const params = request.speculation;
  const mode = isSet(params?.mode, SpeculationMode.UNSPECIFIED) ?? defaults.mode;
  const leastDraftTokens = params?.minDraftTokens ?? defaults.minDraftTokens ?? 0;
  const maxDraftTokens =
    params?.maxDraftTokens ?? defaults.maxDraftTokens ?? defaultMaxDraftTokens(mode);
  const { draftModel } = request;
  const policy =
    isSet(params?.onUnavailable, UnavailablePolicy.UNSPECIFIED) ??
    isSet(defaults.onUnavailable, UnavailablePolicy.UNSPECIFIED) ??
    (draftModel ? UnavailablePolicy.REQUIRE : UnavailablePolicy.BEST_EFFORT);
  return {
    mode: modeWord(mode),
    draftModel: draftModel === undefined ? undefined : (canonicalName(draftModel) ?? ''),
    maxDraftTokens,
    // A default never contradicts what the request says.
    minDraftTokens: Math.min(leastDraftTokens, maxDraftTokens),
    minDraftProbability: params?.minDraftProbability ?? defaults.minDraftProbability ?? 0,
    sources: params?.sources.length ? params.sources : (defaults.sources ?? []),
    overlap: overlapWord(isSet(params?.overlap, Overlap.UNSPECIFIED) ?? defaults.overlap),
    // Never a default: whoever reads the response must have asked for it.
    ...(params?.synthetic === undefined ? {} : { synthetic: params.synthetic.rates }),
    required: policy === UnavailablePolicy.REQUIRE,
  };
}

function modeWord(mode: SpeculationMode | undefined): WantedSpeculation['mode'] {
  if (mode === SpeculationMode.OFF) return 'off';
  return mode === SpeculationMode.FIXED ? 'fixed' : 'auto';
}

function overlapWord(overlap: Overlap | undefined): WantedSpeculation['overlap'] {
  if (overlap === Overlap.OFF) return 'off';
  return overlap === Overlap.ON ? 'on' : 'auto';
}

function isSet<T extends string>(value: T | undefined, unspecified: T): T | undefined {
  return value === unspecified ? undefined : value;
}
