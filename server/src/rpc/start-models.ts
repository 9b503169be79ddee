import { type LoadModelRequest } from '@outrider/sdk/proto';
import { type ServerConfig } from '../config/config.js';
import { CodedError } from '../coded-error.js';
import { Issues } from '../registry/issues.js';
import { canonicalName } from '../registry/model-name.js';
import { validateLoad } from './validate/load-model.js';
import { checkSampling, refuseGrammar } from './validate/sampling.js';
import { checkSpeculation, refuseSpeculation } from './validate/speculation.js';

/**
 * Checks what the configuration says in words of the contract, as requests are checked.
 * @throws CodedError INVALID_FIELD, NOT_SUPPORTED
 */
export function validateConfig({
  defaults,
  models,
}: Pick<ServerConfig, 'defaults' | 'models'>): void {
  const issues = new Issues();
  checkSampling('defaults.sampling', defaults.sampling, undefined, issues);
  checkSpeculation('defaults.speculation', defaults.speculation, undefined, issues);
  if (defaults.speculation.synthetic !== undefined) {
    const field = 'defaults.speculation.synthetic';
    issues.invalid(field, 'is never a default; a request that wants it says so');
  }
  issues.throwIfAny();
  refuseGrammar('defaults.sampling', defaults.sampling);
  refuseSpeculation('defaults.speculation', defaults.speculation);
  models.forEach(validateStartModel);
}

function validateStartModel(
  model: LoadModelRequest,
  index: number,
  models: readonly LoadModelRequest[],
): void {
  const field = `models[${index}]`;
  try {
    validateLoad(model);
  } catch (error) {
    throw CodedError.from(error).within(field);
  }
  const issues = new Issues();
  const { modelId, draftFor, replace, detached } = model;
  const before = models.slice(0, index).map(each => canonicalName(each.modelId));
  if (before.includes(canonicalName(modelId))) {
    issues.invalid(`${field}.model_id`, `"${modelId}" is there twice; give each model its own id`);
  }
  if (draftFor !== '' && !before.includes(canonicalName(draftFor))) {
    const text = `"${draftFor}" is no model before this one; a draft stands after its target`;
    issues.invalid(`${field}.draft_for`, text);
  }
  if (replace) issues.invalid(`${field}.replace`, 'is for requests; there is nothing to replace');
  if (detached) issues.invalid(`${field}.detached`, 'is for requests; no caller waits here');
  issues.throwIfAny();
}
