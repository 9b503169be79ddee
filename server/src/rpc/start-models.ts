import { type LoadModelRequest } from '@outrider/sdk/proto';
import { type ServerConfig } from '../config/config.js';
import { Issues } from '../registry/issues.js';
import { type ModelRegistry } from '../registry/registry.js';
import { validateLoad } from './validate/load-model.js';
import { checkSampling, refuseGrammar } from './validate/sampling.js';
import { checkSpeculation, refuseSpeculation } from './validate/speculation.js';

/**
 * Checks what the configuration says in words of the contract, as requests are checked.
 * @throws CodedError INVALID_FIELD, NOT_SUPPORTED
 */
export function validateConfig({ defaults, models }: ServerConfig): void {
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
  for (const model of models) validateLoad(model);
}

/**
 * Loads models one after the other, so that a draft finds its target.
 * @throws the first failure, once all were tried
 */
export async function loadStartModels(
  models: readonly LoadModelRequest[],
  registry: ModelRegistry,
): Promise<void> {
  const failures: unknown[] = [];
  for (const model of models) {
    try {
      await registry.loadAtStart(model);
    } catch (error) {
      failures.push(error);
    }
  }
  if (failures.length > 0) throw failures[0];
}
