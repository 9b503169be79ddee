import {
  DraftSource,
  Overlap,
  SpeculationMode,
  type SpeculationParams,
  UnavailablePolicy,
} from '@outrider/sdk/proto';
import { CodedError, notSupported } from '../../coded-error.js';
import { type Issues } from '../../registry/issues.js';
import { defaultMaxDraftTokens } from '../speculation-defaults.js';
import { type ModelLimits } from './generate.js';

/** Checks ranges and enum members; `field` is the path of the message. */
export function checkSpeculation(
  field: string,
  params: Partial<SpeculationParams> | undefined,
  limits: ModelLimits | undefined,
  issues: Issues,
): void {
  if (params === undefined) return;
  checkMembers(field, params, issues);
  checkDraftTokens(field, params, limits, issues);
  const sure = params.minDraftProbability;
  if (sure !== undefined && !(sure >= 0 && sure <= 1)) {
    issues.invalid(`${field}.min_draft_probability`, `${sure} is out of range; 0 to 1 is right`);
  }
  if (params.synthetic?.rates.length === 0) {
    issues.invalid(`${field}.synthetic.rates`, 'is empty; one chance per draft position is right');
  }
  params.synthetic?.rates.forEach((rate, i) => {
    if (rate >= 0 && rate <= 1) return;
    issues.invalid(`${field}.synthetic.rates[${i}]`, `${rate} is out of range; 0 to 1 is right`);
  });
}

/**
 * @param allowSynthetic the server was started so
 * @throws CodedError SYNTHETIC_DISABLED, NOT_SUPPORTED
 */
export function refuseSpeculation(
  field: string,
  params: Partial<SpeculationParams> | undefined,
  allowSynthetic = false,
): void {
  if (params === undefined) return;
  if (params.synthetic !== undefined && !allowSynthetic) {
    const text = 'synthetic acceptance is off on this server; leave it unset';
    throw new CodedError('SYNTHETIC_DISABLED', text, { metadata: { field: `${field}.synthetic` } });
  }
  if (params.sources?.includes(DraftSource.GRAMMAR) === true) {
    throw notSupported(`${field}.sources`, 'DRAFT_MODEL and NGRAM can be asked for');
  }
}

const MOST_DRAFT_TOKENS = 64;

function checkMembers(field: string, params: Partial<SpeculationParams>, issues: Issues): void {
  if (params.mode === SpeculationMode.UNRECOGNIZED) {
    issues.invalid(`${field}.mode`, 'is not a known mode; AUTO, OFF and FIXED are');
  }
  if (params.overlap === Overlap.UNRECOGNIZED) {
    issues.invalid(`${field}.overlap`, 'is not a known member; AUTO, OFF and ON are');
  }
  if (params.onUnavailable === UnavailablePolicy.UNRECOGNIZED) {
    issues.invalid(`${field}.on_unavailable`, 'is not a known policy');
  }
  params.sources?.forEach((source, i) => {
    if (REQUESTABLE.has(source)) return;
    const path = `${field}.sources[${i}]`;
    issues.invalid(path, 'cannot be asked for; DRAFT_MODEL, NGRAM and GRAMMAR can');
  });
}

const REQUESTABLE = new Set<DraftSource>([
  DraftSource.DRAFT_MODEL,
  DraftSource.NGRAM,
  DraftSource.GRAMMAR,
]);

function checkDraftTokens(
  field: string,
  params: Partial<SpeculationParams>,
  limits: ModelLimits | undefined,
  issues: Issues,
): void {
  const { maxDraftTokens: most, minDraftTokens: least } = params;
  if (most !== undefined && most > MOST_DRAFT_TOKENS) {
    issues.invalid(`${field}.max_draft_tokens`, `${most} is above ${MOST_DRAFT_TOKENS}`);
  } else if (most !== undefined && limits !== undefined && most >= limits.microBatchSize) {
    const text = `${most} is not below the micro batch of ${limits.microBatchSize}`;
    issues.invalid(`${field}.max_draft_tokens`, text);
  }
  const ceiling = most ?? defaultMaxDraftTokens(params.mode);
  if (least !== undefined && least > ceiling) {
    issues.invalid(`${field}.min_draft_tokens`, `${least} is above max_draft_tokens, ${ceiling}`);
  }
}
