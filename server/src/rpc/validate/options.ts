import { FlashAttention, KvCacheType, type RuntimeOptions } from '@outrider/sdk/proto';
import { type Issues } from '../../registry/issues.js';

/** Checks ranges, and what options say about each other. */
export function checkOptions(options: RuntimeOptions | undefined, issues: Issues): void {
  if (options === undefined) return;
  const within = (name: string, value: number | undefined, least: number, most: number) => {
    if (value === undefined || (value >= least && value <= most)) return;
    issues.invalid(`options.${name}`, `${value} is out of range; ${least} to ${most} is right`);
  };
  within('context_length', options.contextLength, 0, MOST_TOKENS);
  within('parallel_sequences', options.parallelSequences, 1, 64);
  within('batch_size', options.batchSize, 1, MOST_ROWS);
  within('micro_batch_size', options.microBatchSize, 1, MOST_ROWS);
  within('threads', options.threads, 1, MOST_THREADS);
  within('threads_batch', options.threadsBatch, 1, MOST_THREADS);
  const { batchSize = 2048, microBatchSize } = options;
  if (microBatchSize !== undefined && microBatchSize > batchSize) {
    const text = `${microBatchSize} is above batch_size, ${batchSize}`;
    issues.invalid('options.micro_batch_size', text);
  }
  checkKvTypes(options, issues);
}

const MOST_TOKENS = 2 ** 24;
const MOST_ROWS = 65_536;
// What llama.cpp itself allows.
const MOST_THREADS = 512;

function checkKvTypes(options: RuntimeOptions, issues: Issues): void {
  const types = { kv_type_k: options.kvTypeK, kv_type_v: options.kvTypeV };
  for (const [name, type] of Object.entries(types)) {
    if (type === KvCacheType.UNRECOGNIZED) issues.invalid(`options.${name}`, 'is not a known type');
    else if (!PLAIN.has(type) && options.flashAttention === FlashAttention.OFF) {
      issues.invalid(`options.${name}`, 'is quantised, which needs flash attention; it is OFF');
    }
  }
  if (options.flashAttention === FlashAttention.UNRECOGNIZED) {
    issues.invalid('options.flash_attention', 'is not a known setting');
  }
}

const PLAIN = new Set<KvCacheType>([
  KvCacheType.UNSPECIFIED,
  KvCacheType.F32,
  KvCacheType.F16,
  KvCacheType.BF16,
]);
