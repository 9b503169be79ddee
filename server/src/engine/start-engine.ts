import { type Logger } from 'pino';
import { CodedError } from '../coded-error.js';
import { EngineClient } from './client.js';
import { type Engine } from './engine.js';
import { type StartEngine } from './engine-pool.js';
import { type SupervisionLimits } from './supervisor.js';

/**
 * Starts engine processes beside the default one: with its libraries, which have proven themselves, or with another
 * variant where the first model's devices need one. Workers stay with the default engine, since each serves one client.
 * @param ownFolder the libraries were named by folder, so that there is no other variant of them
 */
export function engineStarter(
  first: Engine,
  log: Logger,
  ownFolder: boolean,
  limits: SupervisionLimits,
): StartEngine {
  return async (name, variant) => {
    const options = { log: log.child({ engine: name }), limits };
    const library = first.status().library;
    const alike = () =>
      EngineClient.start({ ...options, start: { directory: library?.directory } });
    if (ownFolder || variant === undefined || variant === library?.variant) return alike();
    try {
      return await EngineClient.start({ ...options, start: { variant } });
    } catch (error) {
      // The placement then tells which device is missing and why, or falls back if it is allowed to.
      if (CodedError.from(error).reason === 'BACKEND_UNAVAILABLE') return alike();
      throw error;
    }
  };
}
