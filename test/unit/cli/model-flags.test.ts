import { describe, expect, it } from '@jest/globals';
import { LoadModelRequest } from '@outrider/sdk/proto';
import { MODEL_FLAGS, SIDE_FLAGS } from '../../../server/src/cli/flags/model-flags.js';
import { SHARED_PLACEMENT_FLAGS } from '../../../server/src/cli/flags/placement-flags.js';
import { SHARED_FLAGS } from '../../../server/src/cli/flags/runtime-flags.js';
import { modelPair } from '../../../server/src/cli/pair.js';
import { settingsOf } from './settings-of.js';

/** Flag (its draft's twin has `-draft` behind the name), value, and the JSON of the field it sets. */
const PER_MODEL: readonly [string, string | undefined, object][] = [
  ['device', 'CUDA0, CUDA1', { placement: { devices: ['CUDA0', 'CUDA1'] } }],
  ['gpu-layers', '12', { placement: { gpuLayers: { count: 12 } } }],
  ['tensor-split', '3,1', { placement: { tensorSplit: [3, 1] } }],
  ['split-mode', 'none', { placement: { splitMode: 'SPLIT_MODE_NONE' } }],
  ['main-gpu', 'CUDA1', { placement: { mainDevice: 'CUDA1' } }],
  [
    'override-tensor',
    'ffn_up=CUDA0,exps=cpu',
    {
      placement: {
        tensorOverrides: [
          { pattern: 'ffn_up', device: 'CUDA0' },
          { pattern: 'exps', device: 'cpu' },
        ],
      },
    },
  ],
  ['cpu-moe', undefined, { placement: { cpuMoe: true } }],
  ['n-cpu-moe', '3', { placement: { nCpuMoe: 3 } }],
  ['no-kv-offload', undefined, { placement: { kvOffload: false } }],
  ['ctx-size', '8192', { options: { contextLength: 8192 } }],
  ['cache-type-k', 'q8_0', { options: { kvTypeK: 'KV_CACHE_TYPE_Q8_0' } }],
  ['cache-type-v', 'iq4_nl', { options: { kvTypeV: 'KV_CACHE_TYPE_IQ4_NL' } }],
  ['flash-attn', 'on', { options: { flashAttention: 'FLASH_ATTENTION_ON' } }],
  ['threads', '3', { options: { threads: 3 } }],
  ['threads-batch', '5', { options: { threadsBatch: 5 } }],
];

const SHARED: readonly [string, string | undefined, object][] = [
  ['parallel', '2', { options: { parallelSequences: 2 } }],
  ['batch-size', '256', { options: { batchSize: 256 } }],
  ['ubatch-size', '128', { options: { microBatchSize: 128 } }],
  ['no-mmap', undefined, { options: { mmap: false } }],
  ['mlock', undefined, { options: { mlock: true } }],
  ['engine', 'second', { engine: 'second' }],
  ['fit-target', '1024', { placement: { memoryMarginBytes: 1_073_741_824 } }],
  ['allow-fallback', undefined, { placement: { allowFallback: true } }],
];

describe('a flag of one model', () => {
  it.each(PER_MODEL)('--%s %s sets its field of the target alone', async (name, value, field) => {
    const { target, draft } = await pairOf(words(name, value));

    expect(target).toEqual({ modelId: 'big', source: { path: 'big.gguf' }, ...field });
    expect(draft).toEqual(PLAIN_DRAFT);
  });

  it.each(PER_MODEL)(
    '--%s-draft %s sets the field of the draft alone',
    async (name, value, field) => {
      const { target, draft } = await pairOf(words(`${name}-draft`, value));

      expect(target).toEqual({ modelId: 'big', source: { path: 'big.gguf' } });
      expect(draft).toEqual({ ...PLAIN_DRAFT, ...field });
    },
  );

  it('is listed here', () => {
    expect(PER_MODEL.map(([name]) => name)).toEqual(SIDE_FLAGS.target.map(flag => flag.name));
    expect(PER_MODEL.map(([name]) => `${name}-draft`)).toEqual(
      SIDE_FLAGS.draft.map(flag => flag.name),
    );
  });
});

describe('a flag of both models', () => {
  it.each(SHARED)('--%s %s sets its field of both', async (name, value, field) => {
    const { target, draft } = await pairOf(words(name, value));

    expect(target).toEqual({ modelId: 'big', source: { path: 'big.gguf' }, ...field });
    expect(draft).toEqual({ ...PLAIN_DRAFT, ...field });
  });

  it('is listed here', () => {
    expect(SHARED.map(([name]) => name)).toEqual(
      [...SHARED_FLAGS, ...SHARED_PLACEMENT_FLAGS].map(flag => flag.name),
    );
  });
});

describe('layers on devices', () => {
  it.each([
    ['auto', { preset: 'GPU_LAYERS_PRESET_AUTO' }],
    ['-1', { preset: 'GPU_LAYERS_PRESET_AUTO' }],
    ['all', { preset: 'GPU_LAYERS_PRESET_ALL' }],
    ['0', { count: 0 }],
    ['99', { count: 99 }],
  ])('are %s', async (value, gpuLayers) => {
    const { target } = await pairOf(['-ngl', value]);

    expect(target).toMatchObject({ placement: { gpuLayers } });
  });

  it.each(['some', '-2', '1.5', ''])('are never "%s"', async value => {
    await expect(pairOf(['-ngl', value])).rejects.toThrow(
      `--gpu-layers: "${value}" is neither a number nor auto nor all`,
    );
  });
});

describe('the main device', () => {
  it('may be an index into the device list, wherever the list stands', async () => {
    const { target } = await pairOf(['-mg', '1', '-dev', 'CUDA0,CUDA1']);

    expect(target).toMatchObject({ placement: { mainDevice: 'CUDA1' } });
  });

  it.each([
    [['-mg', '0'], 'index 0 is not in the device list (empty)'],
    [['-mg', '2', '-dev', 'CUDA0,CUDA1'], 'index 2 is not in the device list (CUDA0, CUDA1)'],
    [['-mg', '0', '-dev', 'auto'], 'index 0 needs a list of device names, not "auto"'],
  ])('of %j is refused', async (argv, complaint) => {
    await expect(pairOf(argv)).rejects.toThrow(`--main-gpu: ${complaint}`);
  });
});

describe('a value of the wrong kind', () => {
  it.each([
    [['-c', 'many'], '--ctx-size: "many" is not a whole number'],
    [['-c', '-1'], '--ctx-size: "-1" is not a whole number from 0 to 4294967295'],
    [['-c', '5000000000'], '--ctx-size: "5000000000" is not a whole number from 0 to 4294967295'],
    [['-ts', '3,x'], '--tensor-split: "x" is not a number'],
    [['-dev', 'CUDA0,,CUDA1'], '--device: "CUDA0,,CUDA1" has an empty entry'],
    [['-sm', 'column'], '--split-mode: "column" is none of none, layer, row, tensor'],
    [['-ot', 'ffn_up'], '--override-tensor: "ffn_up" is not PATTERN=DEVICE'],
    [['-cmoe', '-ncmoe', '2'], '--n-cpu-moe: excluded by --cpu-moe'],
    [['-fa', 'maybe'], '--flash-attn: "maybe" is none of auto, on, off'],
    [['-ctkd', 'q9'], '--cache-type-k-draft: "q9" is none of f32, f16,'],
  ])('in %j is refused with the name of its flag', async (argv, complaint) => {
    await expect(pairOf(argv)).rejects.toThrow(complaint);
  });
});

const PLAIN_DRAFT = {
  modelId: 'small',
  source: { path: 'small.gguf' },
  draftFor: 'models/big',
};

function words(name: string, value: string | undefined): string[] {
  return value === undefined ? [`--${name}`] : [`--${name}`, value];
}

async function pairOf(argv: readonly string[]) {
  const models = ['-m', 'big.gguf', '-md', 'small.gguf'];
  const settings = await settingsOf(MODEL_FLAGS, [...models, ...argv]);
  const { target, draft } = modelPair(settings, { paths: 'server', withoutModel: 'refuse' });
  return {
    target: LoadModelRequest.toJSON(target),
    draft: draft === undefined ? undefined : LoadModelRequest.toJSON(draft),
  };
}
