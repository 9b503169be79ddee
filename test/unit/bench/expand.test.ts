import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Expansion, expandModel } from '../../../bench/src/expand.js';
import { elementCount, type MetadataValue } from '../../../bench/src/gguf/format.js';
import { readGguf, readTensor } from '../../../bench/src/gguf/read.js';
import { referenceLogits } from './reference-llama.js';
import { type TinyLlamaOptions, writeTinyLlama } from './tiny-llama.js';

const TOKENS = [2, 0, 5, 5, 1, 6];

describe('an expanded model', () => {
  let folder: string;
  let source: string;
  let target: string;

  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'expand-'));
    source = join(folder, 'source.gguf');
    target = join(folder, 'target.gguf');
  });
  afterEach(() => {
    rmSync(folder, { recursive: true, force: true });
  });

  const expand = (expansion: Expansion, options: TinyLlamaOptions = {}): number[] => {
    writeTinyLlama(source, options);
    expandModel(source, target, expansion);
    return referenceLogits(readGguf(target), TOKENS);
  };
  const largestDifference = (a: readonly number[], b: readonly number[]): number =>
    Math.max(...a.map((value, i) => Math.abs(value - (b[i] ?? NaN))));

  it.each([
    ['wider', { width: 36, layers: 2, feedForward: 10 }],
    ['deeper', { width: 12, layers: 5, feedForward: 10 }],
    ['with more feed-forward', { width: 12, layers: 2, feedForward: 23 }],
    ['all of it', { width: 48, layers: 4, feedForward: 40 }],
  ])('%s computes what the source computes', (_name, expansion) => {
    const logits = expand(expansion);

    const expected = referenceLogits(readGguf(source), TOKENS);
    expect(Math.max(...expected.map(Math.abs))).toBeGreaterThan(0.1);
    expect(largestDifference(logits, expected)).toBeLessThan(1e-6);
  });

  it('keeps an output matrix of its own', () => {
    const values = Float32Array.from({ length: 84 }, (_, i) => Math.sin(i));
    const extra = [
      { name: 'output.weight', dimensions: [12, 7], type: 'f32' as const, values: () => values },
    ];

    const logits = expand({ width: 24, layers: 3, feedForward: 12 }, { extra });

    expect(largestDifference(logits, referenceLogits(readGguf(source), TOKENS))).toBeLessThan(1e-6);
  });

  it('has the size that was asked for and the tokenizer of the source', () => {
    expand({ width: 36, layers: 3, feedForward: 20 });

    const { metadata, tensors } = readGguf(target);
    const parameters = [...tensors.values()].reduce(
      (sum, { dimensions }) => sum + elementCount(dimensions),
      0,
    );
    const perLayer = 2 * 36 + 36 * 36 * 2 + 36 * 12 * 2 + 36 * 20 * 3;
    expect(parameters).toBe(36 * 7 + 36 + 3 * perLayer);
    expect(metadata.get('llama.attention.head_count')).toEqual({ type: 'uint32', value: 9 });
    expect(metadata.get('llama.attention.head_count_kv')).toEqual({ type: 'uint32', value: 3 });
    expect(metadata.get('tokenizer.ggml.tokens')).toEqual(
      readGguf(source).metadata.get('tokenizer.ggml.tokens'),
    );
  });

  it('is the same file each time, and another one for another seed', () => {
    const bytes = [{}, {}, { seed: 2 }].map(options => {
      expand({ width: 24, layers: 3, feedForward: 12, ...options });
      return readFileSync(target);
    });

    expect(bytes[0]?.equals(bytes[1] ?? Buffer.of())).toBe(true);
    expect(bytes[0]?.equals(bytes[2] ?? Buffer.of())).toBe(false);
  });

  it('changes a little with a little noise', () => {
    const exact = expand({ width: 24, layers: 3, feedForward: 12 });
    const disturbed = expand({ width: 24, layers: 3, feedForward: 12, noise: 0.05 });

    const difference = largestDifference(exact, disturbed);
    expect(difference).toBeGreaterThan(1e-4);
    expect(difference).toBeLessThan(Math.max(...exact.map(Math.abs)));
  });

  it('holds matrices in the type asked for and vectors in f32', () => {
    const logits = expand({ width: 24, layers: 3, feedForward: 12, type: 'bf16' });

    const { tensors } = readGguf(target);
    expect(tensors.get('blk.2.ffn_down.weight')?.type).toBe('bf16');
    expect(tensors.get('blk.2.ffn_norm.weight')?.type).toBe('f32');
    const expected = referenceLogits(readGguf(source), TOKENS);
    expect(largestDifference(logits, expected)).toBeLessThan(0.1);
  });

  it.each<[string, Expansion, RegExp]>([
    ['a width that splits a head', { width: 26, layers: 2, feedForward: 10 }, /multiple of 12/],
    ['a smaller width', { width: 0, layers: 2, feedForward: 10 }, /at least 12/],
    ['a smaller feed-forward', { width: 24, layers: 2, feedForward: 9 }, /at least 10/],
    ['no layers', { width: 24, layers: 0, feedForward: 10 }, /at least 1/],
  ])('cannot have %s', (_name, expansion, message) => {
    expect(() => expand(expansion)).toThrow(message);
    expect(existsSync(target)).toBe(false);
  });

  it.each<[string, Record<string, MetadataValue>, RegExp]>([
    [
      'another architecture',
      { 'general.architecture': { type: 'string', value: 'gemma' } },
      /architecture/,
    ],
    [
      'settings it does not know',
      { 'llama.expert_count': { type: 'uint32', value: 8 } },
      /llama\.expert_count/,
    ],
    [
      'heads rotated in part',
      { 'llama.rope.dimension_count': { type: 'uint32', value: 2 } },
      /whole heads/,
    ],
  ])('is not made from %s', (_name, metadata, message) => {
    const expansion = { width: 24, layers: 2, feedForward: 10 };

    expect(() => expand(expansion, { metadata })).toThrow(message);
  });

  it('is not made from a model with tensors it does not know', () => {
    const bias = {
      name: 'blk.0.attn_q.bias',
      dimensions: [12],
      type: 'f32' as const,
      values: () => new Float32Array(12),
    };

    const attempt = (): unknown =>
      expand({ width: 24, layers: 2, feedForward: 10 }, { extra: [bias] });

    expect(attempt).toThrow(/attn_q\.bias/);
    expect(readdirSync(folder)).toEqual(['source.gguf']);
  });

  it('reads its zeros where the source ends', () => {
    expand({ width: 24, layers: 3, feedForward: 12 });

    const output = readTensor(readGguf(target), 'blk.0.attn_output.weight');
    const outside = output.filter((_, i) => i % 24 >= 12 || i >= 12 * 24);
    expect(outside.length).toBe(24 * 24 - 12 * 12);
    expect(outside.every(value => value === 0)).toBe(true);
  });
});
