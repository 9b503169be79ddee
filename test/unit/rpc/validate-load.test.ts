import { describe, expect, it } from '@jest/globals';
import {
  FlashAttention,
  GpuLayersPreset,
  KvCacheType,
  LoadModelRequest,
  Role,
  SplitMode,
  UnavailablePolicy,
} from '@outrider/sdk/proto';
import { CodedError } from '../../../server/src/coded-error.js';
import { validateLoad } from '../../../server/src/rpc/validate/load-model.js';

type Wish = Parameters<typeof LoadModelRequest.fromPartial>[0];

const PATH = { source: { $case: 'path', value: 'a.gguf' } } as const;

function refusalOf(wish: Wish): CodedError | undefined {
  try {
    validateLoad(LoadModelRequest.fromPartial({ modelId: 'big', source: PATH, ...wish }));
  } catch (error) {
    return CodedError.from(error);
  }
  return undefined;
}

describe('a load request', () => {
  it('passes with what is supported', () => {
    const wish: Wish = {
      source: { source: { $case: 'uri', value: 'embedded:target' }, sha256: 'AB'.repeat(32) },
      placement: {
        devices: ['CUDA0', 'CUDA1'],
        gpuLayers: { layers: { $case: 'preset', value: GpuLayersPreset.ALL } },
        tensorSplit: [3, 1],
        splitMode: SplitMode.LAYER,
        kvOffload: false,
        tensorOverrides: [{ pattern: '\\.ffn_(up|down)', device: 'cpu' }],
        moeOnCpu: { $case: 'nCpuMoe', value: 2 },
        memoryMarginBytes: 0,
        allowFallback: true,
      },
      options: { contextLength: 0, parallelSequences: 64, microBatchSize: 2048 },
      draftFor: 'models/other',
      onUnavailable: UnavailablePolicy.BEST_EFFORT,
      detached: true,
      skipMemoryCheck: true,
      engine: 'second-1.0_x',
      replace: true,
    };

    expect(refusalOf(wish)).toBeUndefined();
  });

  it.each<[string, Wish]>([
    ['model_id', { modelId: '' }],
    ['model_id', { modelId: 'models/big' }],
    ['model_id', { modelId: '.big' }],
    ['source', { source: undefined }],
    ['source.path', { source: { source: { $case: 'path', value: '' } } }],
    ['source.sha256', { source: { ...PATH, sha256: 'abc' } }],
    ['role', { role: Role.UNRECOGNIZED }],
    ['on_unavailable', { onUnavailable: UnavailablePolicy.REQUIRE }],
    ['draft_for', { draftFor: 'a b' }],
    ['draft_for', { draftFor: 'models/big' }],
    ['placement.devices[1]', { placement: { devices: ['CUDA0', ''] } }],
    ['placement.gpu_layers', { placement: { gpuLayers: {} } }],
    [
      'placement.gpu_layers.preset',
      {
        placement: {
          gpuLayers: { layers: { $case: 'preset', value: GpuLayersPreset.UNRECOGNIZED } },
        },
      },
    ],
    ['placement.split_mode', { placement: { splitMode: SplitMode.UNRECOGNIZED } }],
    ['placement.tensor_split[0]', { placement: { tensorSplit: [NaN, 1] } }],
    ['placement.tensor_split[1]', { placement: { tensorSplit: [1, -1] } }],
    ['placement.tensor_split', { placement: { tensorSplit: [0, 0] } }],
    [
      'placement.tensor_overrides[0].device',
      { placement: { tensorOverrides: [{ pattern: 'x' }] } },
    ],
    [
      'placement.tensor_overrides[0].pattern',
      { placement: { tensorOverrides: [{ device: 'cpu' }] } },
    ],
    [
      'placement.tensor_overrides[0].pattern',
      { placement: { tensorOverrides: [{ pattern: '(', device: 'cpu' }] } },
    ],
    [
      'placement.n_cpu_moe',
      { placement: { moeOnCpu: { $case: 'nCpuMoe', value: 4_000_000_000 } } },
    ],
    ['options.parallel_sequences', { options: { parallelSequences: 0 } }],
    ['options.parallel_sequences', { options: { parallelSequences: 65 } }],
    ['options.batch_size', { options: { batchSize: 0 } }],
    ['options.micro_batch_size', { options: { microBatchSize: 2049 } }],
    ['options.threads', { options: { threads: 0 } }],
    ['options.kv_type_k', { options: { kvTypeK: KvCacheType.UNRECOGNIZED } }],
    [
      'options.kv_type_v',
      { options: { kvTypeV: KvCacheType.Q8_0, flashAttention: FlashAttention.OFF } },
    ],
    ['engine', { engine: '-second' }],
    ['engine', { engine: 'a'.repeat(64) }],
    ['options.flash_attention', { options: { flashAttention: FlashAttention.UNRECOGNIZED } }],
  ])('is refused for %s (%j)', (field, wish) => {
    expect(refusalOf(wish)).toMatchObject({ reason: 'INVALID_FIELD' });
    expect(refusalOf(wish)?.violations.map(violation => violation.field)).toEqual([field]);
  });

  it.each<[string, Wish]>([
    ['source.uri', { source: { source: { $case: 'uri', value: 'hf:user/repo' } } }],
  ])('is not supported with %s yet', (field, wish) => {
    expect(refusalOf(wish)).toMatchObject({ reason: 'NOT_SUPPORTED', metadata: { field } });
  });
});
