import { embedded } from '../support/native-engine.js';

/** Flags of a service that loads one model, `models/target`, and spends no time on another. */
export const targetOnly = ['-m', embedded.target, '-a', 'target'] as const;
