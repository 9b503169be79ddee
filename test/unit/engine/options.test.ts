import { describe, expect, it } from '@jest/globals';
import { FlashAttention, RuntimeOptions, SplitMode } from '@outrider/sdk/proto';
import { threadsFor } from '../../../server/src/engine/host.js';
import { decideOptions } from '../../../server/src/engine/options.js';

describe('options of a load', () => {
  it('take the trained context, at most 4096 tokens, where none is asked for', () => {
    expect(decide({}, 512).contextLength).toBe(512);
    expect(decide({}, 131_072).contextLength).toBe(4096);
    expect(decide({}, 0).contextLength).toBe(4096);
    expect(decide({ contextLength: 0 }, 131_072).contextLength).toBe(131_072);
  });

  it('leave nothing unset', () => {
    for (const [name, value] of Object.entries(decide({}, 512))) {
      expect([name, value]).not.toContain(undefined);
      expect(String(value)).not.toMatch(/UNSPECIFIED/);
    }
  });

  it('give a small file one thread, and a large one every core', () => {
    const mebibyte = 2 ** 20;
    const threads = (mebibytes: number) => threadsFor(mebibytes * mebibyte, 8);

    expect([0, 1, 16, 17, 100, 128, 4096].map(threads)).toEqual([1, 1, 1, 2, 7, 8, 8]);
    expect(decide({}, 512)).toMatchObject({ threads: 1, threadsBatch: 1 });
  });

  it('use the thread count for prompts as well unless told otherwise', () => {
    expect(decide({ threads: 3 }, 512)).toMatchObject({ threads: 3, threadsBatch: 3 });
    expect(decide({ threads: 3, threadsBatch: 5 }, 512)).toMatchObject({ threadsBatch: 5 });
  });

  it('refuse a micro batch above the batch, and a quantised V cache without flash attention', () => {
    expect(() => decide({ batchSize: 64, microBatchSize: 128 }, 512)).toThrow(
      expect.objectContaining({ reason: 'INVALID_FIELD' }),
    );
    expect(() =>
      decide({ kvTypeV: 'KV_CACHE_TYPE_Q8_0', flashAttention: 'FLASH_ATTENTION_OFF' }, 512),
    ).toThrow(expect.objectContaining({ reason: 'INVALID_FIELD' }));
    expect(decide({ kvTypeV: 'KV_CACHE_TYPE_Q8_0' }, 512).kvTypeV).toBe('KV_CACHE_TYPE_Q8_0');
    expect(
      decide({ kvTypeV: 'KV_CACHE_TYPE_F32', flashAttention: 'FLASH_ATTENTION_OFF' }, 512),
    ).toMatchObject({
      flashAttention: 'FLASH_ATTENTION_OFF',
    });
  });

  it('turn flash attention on for split mode TENSOR, and refuse it off', () => {
    const decideFor = (flashAttention: FlashAttention) =>
      decideOptions(RuntimeOptions.fromPartial({ flashAttention }), file(512), SplitMode.TENSOR)
        .options.flashAttention;

    expect(decideFor(FlashAttention.UNSPECIFIED)).toBe(FlashAttention.ON);
    expect(decideFor(FlashAttention.AUTO)).toBe(FlashAttention.ON);
    expect(() => decideFor(FlashAttention.OFF)).toThrow(
      expect.objectContaining({
        violations: [{ field: 'options.flash_attention', description: expect.any(String) }],
      }),
    );
  });

  it('warn of a context beyond training and of missing costs', () => {
    const { warnings } = decideOptions(
      RuntimeOptions.fromPartial({ contextLength: 1024, calibrate: false }),
      file(512),
    );
    expect(warnings.map(warning => warning.code)).toEqual([
      'CONTEXT_BEYOND_TRAINING',
      'NOT_CALIBRATED',
    ]);
  });
});

function decide(given: Partial<RuntimeOptions>, trained: number) {
  return decideOptions(RuntimeOptions.fromPartial(given), file(trained)).options;
}

function file(trainedContextLength: number) {
  return { trainedContextLength, fileBytes: 2 ** 20 };
}
