import {
  FlashAttention,
  KvCacheType,
  type LoadModelRequest,
  RuntimeOptions,
} from '@outrider/sdk/proto';
import { type FieldFlag, type PairedFlag } from './flag.js';
import { choice, count } from './values.js';

type Options = FieldFlag<RuntimeOptions>;

const kvCacheType = choice({
  f32: KvCacheType.F32,
  f16: KvCacheType.F16,
  bf16: KvCacheType.BF16,
  q8_0: KvCacheType.Q8_0,
  q5_1: KvCacheType.Q5_1,
  q5_0: KvCacheType.Q5_0,
  q4_1: KvCacheType.Q4_1,
  q4_0: KvCacheType.Q4_0,
  iq4_nl: KvCacheType.IQ4_NL,
});

const flashAttention = choice({
  auto: FlashAttention.AUTO,
  on: FlashAttention.ON,
  off: FlashAttention.OFF,
});

/** Flags of `LoadModelRequest.options` that target and draft each have. */
export const RUNTIME_FLAGS: readonly PairedFlag<LoadModelRequest>[] = [
  paired(['-cd'], {
    name: 'ctx-size',
    aliases: ['-c', '--contextsize'],
    value: 'N',
    help: 'tokens that one sequence may hold; 0: the trained length',
    set: (options, text) => {
      options.contextLength = count(text);
    },
  }),
  paired(['-ctkd'], {
    name: 'cache-type-k',
    aliases: ['-ctk'],
    value: 'TYPE',
    help: 'element type of cached keys: f16, q8_0, …',
    set: (options, text) => {
      options.kvTypeK = kvCacheType(text);
    },
  }),
  paired(['-ctvd'], {
    name: 'cache-type-v',
    aliases: ['-ctv'],
    value: 'TYPE',
    help: 'element type of cached values: f16, q8_0, …',
    set: (options, text) => {
      options.kvTypeV = kvCacheType(text);
    },
  }),
  paired(['-fad'], {
    name: 'flash-attn',
    aliases: ['-fa'],
    value: 'MODE',
    help: 'flash attention: auto, on, off',
    set: (options, text) => {
      options.flashAttention = flashAttention(text);
    },
  }),
  paired(['-td'], {
    name: 'threads',
    aliases: ['-t'],
    value: 'N',
    help: 'CPU threads for decoding',
    set: (options, text) => {
      options.threads = count(text);
    },
  }),
  paired(['-tbd'], {
    name: 'threads-batch',
    aliases: ['-tb'],
    value: 'N',
    help: 'CPU threads for prompts',
    set: (options, text) => {
      options.threadsBatch = count(text);
    },
  }),
];

/** Flags of `LoadModelRequest` that both models of a pair take. */
export const SHARED_FLAGS: readonly FieldFlag<LoadModelRequest>[] = [
  ofRequest({
    name: 'parallel',
    aliases: ['-np'],
    value: 'N',
    help: 'sequences at once, both models',
    set: (options, text) => {
      options.parallelSequences = count(text);
    },
  }),
  ofRequest({
    name: 'batch-size',
    aliases: ['-b'],
    value: 'N',
    help: 'most rows of one tick, both models',
    set: (options, text) => {
      options.batchSize = count(text);
    },
  }),
  ofRequest({
    name: 'ubatch-size',
    aliases: ['-ub'],
    value: 'N',
    help: 'most rows of one device pass, both models',
    set: (options, text) => {
      options.microBatchSize = count(text);
    },
  }),
  ofRequest({
    name: 'no-mmap',
    help: 'read the files instead of mapping them',
    set: options => {
      options.mmap = false;
    },
  }),
  ofRequest({
    name: 'mlock',
    help: 'keep the weights in memory',
    set: options => {
      options.mlock = true;
    },
  }),
  {
    name: 'engine',
    value: 'NAME',
    help: 'engine process, made on demand, both models (default)',
    set: (request, text) => {
      request.engine = text;
    },
  },
];

/** The runtime options of a request, made when it has none. */
export function optionsOf(request: LoadModelRequest): RuntimeOptions {
  request.options ??= RuntimeOptions.fromPartial({});
  return request.options;
}

function paired(draftAliases: readonly string[], flag: Options): PairedFlag<LoadModelRequest> {
  return { ...ofRequest(flag), draftAliases };
}

function ofRequest(flag: Options): FieldFlag<LoadModelRequest> {
  return {
    ...flag,
    set: (request, text) => {
      flag.set(optionsOf(request), text);
    },
  };
}
