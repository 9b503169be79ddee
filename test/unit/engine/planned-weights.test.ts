import { describe, expect, it } from '@jest/globals';
import { type ModelTensor } from '../../../server/src/engine/model-file.js';
import { plannedWeights, type WeightRules } from '../../../server/src/engine/planned-weights.js';
import { pinTensors } from '../../../server/src/engine/tensor-pins.js';

/** Tensors of these sizes, one behind the other in a file. */
function fileOf(sizes: Readonly<Record<string, number>>): ModelTensor[] {
  let offset = 0;
  return Object.entries(sizes).map(([name, bytes]) => {
    const tensor = { name, type: 0, dimensions: [bytes], part: 1, offset };
    offset += bytes;
    return tensor;
  });
}

const TIED = fileOf({
  'token_embd.weight': 1_000,
  'output_norm.weight': 1,
  'blk.0.ffn_up.weight': 10,
  'blk.0.ffn_down.weight': 20,
  'blk.1.ffn_up.weight': 100,
  'blk.1.ffn_down.weight': 200,
});

function place(
  tensors: readonly ModelTensor[],
  layers: readonly string[],
  more: Partial<WeightRules> = {},
) {
  const weights = plannedWeights(tensors, {
    layers: new Map(layers.entries()),
    pins: [],
    bytesOf: ({ dimensions }) => dimensions[0] ?? 0,
    mapping: new Set(),
    ...more,
  });
  return Object.fromEntries(weights);
}

describe('weights before they are read', () => {
  it('are the file where all of it is on the CPU', () => {
    expect(place(TIED, ['cpu', 'cpu', 'cpu'])).toEqual({ cpu: 1_331 });
  });

  it('follow their layers, embeddings on the CPU, and a tied output is one more copy', () => {
    expect(place(TIED, ['cpu', 'A', 'B'])).toEqual({ cpu: 1_030, A: 300, B: 1_001 });
  });

  it('need no copy for an output of its own', () => {
    const untied = [...TIED, ...fileOf({ 'output.weight': 500 })];

    expect(place(untied, ['A', 'A', 'A'])).toEqual({ cpu: 1_000, A: 831 });
  });

  it('are what lies between first and last where the file is mapped', () => {
    expect(place(TIED, ['A', 'cpu', 'A'], { mapping: new Set(['cpu']) })).toMatchObject({
      cpu: 1_331,
    });
  });

  it('leave out blocks that are not loaded', () => {
    expect(place([...TIED, ...fileOf({ 'blk.9.nextn.weight': 7_000 })], ['A', 'A', 'cpu'])).toEqual(
      {
        cpu: 1_001,
        A: 330,
      },
    );
  });

  it('go where an override says, the first match winning', () => {
    const field = 'placement.tensor_overrides[0]';
    const overrides = [
      { pattern: 'blk\\.1\\.ffn_up', device: 'B', field },
      { pattern: 'ffn_up', device: 'cpu', field },
    ];
    const pins = pinTensors(overrides, TIED);

    expect(pins.map(({ names }) => names)).toEqual([
      ['blk.1.ffn_up.weight'],
      ['blk.0.ffn_up.weight'],
    ]);
    expect(place(TIED, ['A', 'A', 'A'], { pins })).toEqual({ cpu: 1_010, A: 1_221, B: 100 });
  });

  it('are not placed by a pattern that matches none of them', () => {
    const overrides = [{ pattern: 'exps', device: 'cpu', field: 'placement.cpu_moe' }];

    expect(() => pinTensors(overrides, TIED)).toThrow(
      expect.objectContaining({ reason: 'OVERRIDE_UNMATCHED', metadata: { pattern: 'exps' } }),
    );
  });
});
