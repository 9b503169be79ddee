import { type GenerateRequest, StatsLevel } from '@outrider/sdk/proto';
import { type ServerConfig } from '../../config/config.js';
import { Issues } from '../../registry/issues.js';
import { canonicalName } from '../../registry/model-name.js';
import { checkInput } from './input.js';
import { checkModelName } from './names.js';
import { checkSampling, refuseGrammar } from './sampling.js';
import { checkSpeculation, refuseSpeculation } from './speculation.js';

/** What the fields of a request are measured against; unknown while the model is not loaded. */
export interface ModelLimits {
  readonly contextLength: number;
  readonly vocabularySize: number;
  readonly microBatchSize: number;
}

/** What the server was started with. */
export type ServerRules = Pick<ServerConfig, 'allowSynthetic' | 'cachePrompt'>;

/**
 * Checks every field of a request at once.
 * @throws CodedError INVALID_FIELD, EMPTY_PROMPT, SYNTHETIC_DISABLED, NOT_SUPPORTED
 */
export function validateGenerate(
  request: GenerateRequest,
  limits: ModelLimits | undefined,
  { allowSynthetic, cachePrompt }: ServerRules,
): void {
  const issues = new Issues();
  checkModelName('model', request.model, issues);
  checkDraftName(request, issues);
  checkInput(request.input, limits, issues);
  checkMaxTokens(request.maxTokens, limits, issues);
  checkStop(request.stop, issues);
  checkSampling('sampling', request.sampling, limits, issues);
  checkSpeculation('speculation', request.speculation, limits, issues);
  checkSynthetic(request, issues);
  if (request.cachePrompt === true && !cachePrompt) {
    issues.invalid('cache_prompt', 'is off on this server; leave it unset or false');
  }
  if (request.logprobs !== undefined && request.logprobs > MOST_LOGPROBS) {
    issues.invalid('logprobs', `${request.logprobs} is above ${MOST_LOGPROBS}`);
  }
  if (request.statsLevel === StatsLevel.UNRECOGNIZED) {
    issues.invalid('stats_level', 'is not a known level');
  }
  issues.throwIfAny();
  refuseSpeculation('speculation', request.speculation, allowSynthetic);
  refuseGrammar('sampling', request.sampling);
}

const MOST_LOGPROBS = 20;
const MOST_STOPS = 16;
const LONGEST_STOP_BYTES = 256;

function checkDraftName({ model, draftModel }: GenerateRequest, issues: Issues): void {
  if (draftModel === undefined || draftModel === '') return;
  checkModelName('draft_model', draftModel, issues);
  const name = canonicalName(draftModel);
  if (name !== undefined && name === canonicalName(model)) {
    issues.invalid('draft_model', 'a model cannot draft for itself; load it under two ids');
  }
}

/** What tells of the text has nothing to tell where dice make it. */
function checkSynthetic(request: GenerateRequest, issues: Issues): void {
  if (request.speculation?.synthetic === undefined) return;
  const { grammar } = request.sampling ?? {};
  const beside = 'cannot be had together with speculation.synthetic, whose text is meaningless';
  if (request.logprobs !== undefined) issues.invalid('logprobs', beside);
  if (request.cachePrompt === true) issues.invalid('cache_prompt', beside);
  if (grammar !== undefined) {
    issues.invalid(`sampling.${grammar.$case === 'gbnf' ? 'gbnf' : 'json_schema'}`, beside);
  }
}

function checkMaxTokens(
  maxTokens: number | undefined,
  limits: ModelLimits | undefined,
  issues: Issues,
): void {
  if (maxTokens === undefined) return;
  if (maxTokens === 0) issues.invalid('max_tokens', '0 is too few; 1 is the least');
  else if (limits !== undefined && maxTokens > limits.contextLength) {
    issues.invalid('max_tokens', `${maxTokens} is above the context of ${limits.contextLength}`);
  }
}

function checkStop(stop: readonly string[], issues: Issues): void {
  if (stop.length > MOST_STOPS) {
    issues.invalid('stop', `${stop.length} strings are given; ${MOST_STOPS} are the most`);
  }
  stop.forEach((text, i) => {
    const bytes = Buffer.byteLength(text);
    if (bytes >= 1 && bytes <= LONGEST_STOP_BYTES) return;
    issues.invalid(`stop[${i}]`, `has ${bytes} bytes; 1 to ${LONGEST_STOP_BYTES} are allowed`);
  });
}
