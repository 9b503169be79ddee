import {
  FlashAttention,
  KvCacheType,
  type RuntimeOptions,
  SplitMode,
  type Warning,
} from '@outrider/sdk/proto';
import { CodedError } from '../coded-error.js';
import { threadsFor } from './host.js';
import { type DecidedOptions } from './llama/context.js';

/** Longest context that is given to a model whose request names none, in tokens. */
export const defaultContextLength = 4096;

/** What defaults depend on. */
export interface FileFacts {
  /** Tokens that the model was trained for; 0 where the file does not say. */
  readonly trainedContextLength: number;
  /** Size of the file, all parts of it. */
  readonly fileBytes: number;
}

/**
 * Fills in every option of a load that its request left open. Defaults: those of RuntimeOptions in the contract.
 * @param splitMode TENSOR turns flash attention on, because it needs it
 * @throws CodedError INVALID_FIELD where options contradict each other
 */
export function decideOptions(
  requested: RuntimeOptions,
  { trainedContextLength: trained, fileBytes }: FileFacts,
  splitMode: SplitMode = SplitMode.LAYER,
): { readonly options: DecidedOptions; readonly warnings: readonly Warning[] } {
  const known = trained > 0 ? trained : defaultContextLength;
  const wanted = requested.contextLength ?? Math.min(known, defaultContextLength);
  const contextLength = wanted === 0 ? known : wanted;
  const batchSize = requested.batchSize ?? Math.max(2048, requested.microBatchSize ?? 0);
  const microBatchSize = requested.microBatchSize ?? Math.min(512, batchSize);
  const threads = requested.threads ?? threadsFor(fileBytes);
  const options: DecidedOptions = {
    contextLength,
    parallelSequences: requested.parallelSequences ?? 4,
    batchSize,
    microBatchSize,
    kvTypeK: orDefault(requested.kvTypeK, KvCacheType.UNSPECIFIED, KvCacheType.F16),
    kvTypeV: orDefault(requested.kvTypeV, KvCacheType.UNSPECIFIED, KvCacheType.F16),
    flashAttention: flashAttentionOf(requested, splitMode),
    threads,
    threadsBatch: requested.threadsBatch ?? threads,
    mmap: requested.mmap ?? true,
    mlock: requested.mlock ?? false,
    calibrate: requested.calibrate ?? true,
  };
  if (options.microBatchSize > options.batchSize)
    throw invalid(
      'options.micro_batch_size',
      `${options.microBatchSize} is above options.batch_size, ${options.batchSize}`,
    );
  const quantised = ![KvCacheType.F32, KvCacheType.F16, KvCacheType.BF16].some(
    type => type === options.kvTypeV,
  );
  if (quantised && options.flashAttention === FlashAttention.OFF)
    throw invalid(
      'options.kv_type_v',
      'a quantised V cache needs flash attention; leave options.flash_attention at AUTO or ON',
    );
  const warnings: Warning[] = [];
  if (trained > 0 && contextLength > trained)
    warnings.push({
      code: 'CONTEXT_BEYOND_TRAINING',
      message: `a context of ${contextLength} tokens is longer than the ${trained} that the model was trained for`,
      field: 'options.context_length',
    });
  if (!options.calibrate)
    warnings.push({
      code: 'NOT_CALIBRATED',
      message: 'decode costs were not measured, so the estimated speed-up needs plain steps',
      field: 'options.calibrate',
    });
  return { options, warnings };
}

function flashAttentionOf(
  { flashAttention }: RuntimeOptions,
  splitMode: SplitMode,
): FlashAttention {
  const wanted = orDefault(flashAttention, FlashAttention.UNSPECIFIED, FlashAttention.AUTO);
  if (splitMode !== SplitMode.TENSOR) return wanted;
  if (wanted !== FlashAttention.OFF) return FlashAttention.ON;
  throw invalid(
    'options.flash_attention',
    'is OFF, and split mode TENSOR needs it; leave it at AUTO',
  );
}

function orDefault<Value extends string>(given: Value, unset: Value, otherwise: Value): Value {
  return given === unset ? otherwise : given;
}

function invalid(field: string, description: string): CodedError {
  return new CodedError('INVALID_FIELD', `${field}: ${description}`, {
    violations: [{ field, description }],
  });
}
