import type * as wire from '../proto.js';
import { type RuntimeOptions } from '../types/model.js';
import { flashAttention, kvCacheType } from './enums.js';
import { refuseUnknown, withoutAbsent } from './presence.js';

/** Options as they are sent. @throws InvalidRequestError for unknown options and values */
export function writeRuntimeOptions(options: RuntimeOptions, where: string): wire.RuntimeOptions {
  const {
    contextLength,
    parallelSequences,
    batchSize,
    microBatchSize,
    kvTypeK,
    kvTypeV,
    flashAttention: flash,
    threads,
    threadsBatch,
    mmap,
    mlock,
    calibrate,
    ...unknown
  } = options;
  refuseUnknown(unknown, `${where}.`);
  return {
    contextLength,
    parallelSequences,
    batchSize,
    microBatchSize,
    kvTypeK: kvCacheType.write(kvTypeK, `${where}.kvTypeK`),
    kvTypeV: kvCacheType.write(kvTypeV, `${where}.kvTypeV`),
    flashAttention: flashAttention.write(flash, `${where}.flashAttention`),
    threads,
    threadsBatch,
    mmap,
    mlock,
    calibrate,
  };
}

/** Options as they came; those that are not set are absent. */
export function readRuntimeOptions(options: wire.RuntimeOptions): RuntimeOptions {
  return withoutAbsent({
    ...options,
    kvTypeK: kvCacheType.read(options.kvTypeK),
    kvTypeV: kvCacheType.read(options.kvTypeV),
    flashAttention: flashAttention.read(options.flashAttention),
  });
}
