/** Typed client of the Outrider speculative-decoding service. */
export * from './errors/failures.js';
export {
  type FieldViolation,
  OutriderError,
  type OutriderErrorOptions,
} from './errors/outrider-error.js';
export { type StatusCode } from './errors/status-code.js';
export { Outrider } from './outrider.js';
export type * from './types/call.js';
export type * from './types/clients.js';
export type * from './types/device.js';
export type * from './types/generate.js';
export type * from './types/generation.js';
export type * from './types/load.js';
export type * from './types/model.js';
export type * from './types/placement.js';
export type * from './types/speculation.js';
export type * from './types/statistics.js';
