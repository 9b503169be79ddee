import { describe, expect, it } from '@jest/globals';
import { countRepackedOnce } from '../../../server/src/engine/host-weights.js';
import { type LlamaFunctions } from '../../../server/src/engine/llama/functions.js';
import { type LoggedBuffer } from '../../../server/src/engine/llama/log.js';
import { type ModelTensor } from '../../../server/src/engine/model-file.js';

// One byte an element.
const llama = {
  ggml_row_size: (_type: number, elements: number) => elements,
} as unknown as LlamaFunctions;

const tensors: ModelTensor[] = ['blk.0.ffn_up.weight', 'blk.1.ffn_up.weight', 'output.weight'].map(
  (name, i) => ({ name, type: 2, dimensions: [100, 10], part: 1, offset: 1_000 * i }),
);
const layers = new Map([
  [0, 'CPU'],
  [1, 'CUDA0'],
  [2, 'CPU'],
]);
const weights = (type: string, bytes: number): LoggedBuffer => ({ type, holds: 'weights', bytes });

function counted(buffers: readonly LoggedBuffer[]) {
  const log = { layers, buffers };
  return countRepackedOnce(llama, log, tensors, []).map(({ type, bytes }) => [type, bytes]);
}

describe('weights that were repacked', () => {
  it('are not counted in the mapped file as well', () => {
    const kv: LoggedBuffer = { type: 'CPU', holds: 'kv', bytes: 7 };

    expect(counted([weights('CPU_Mapped', 3_000), weights('CPU_REPACK', 1_000), kv])).toEqual([
      ['CPU_Mapped', 1_000],
      ['CPU_REPACK', 1_000],
      ['CPU', 7],
    ]);
  });

  it('leave nothing of the map where all were', () => {
    expect(counted([weights('CPU_Mapped', 2_000), weights('CPU_REPACK', 2_100)])).toEqual([
      ['CPU_Mapped', 0],
      ['CPU_REPACK', 2_100],
    ]);
  });

  it('change nothing where there are none', () => {
    expect(counted([weights('CPU_Mapped', 3_000), weights('CUDA0', 1_000)])).toEqual([
      ['CPU_Mapped', 3_000],
      ['CUDA0', 1_000],
    ]);
  });
});
