import { describe, expect, it } from '@jest/globals';
import { type GenerateOptions, InvalidRequestError, type PlanOptions } from '@outrider/sdk';
import { writeGenerateRequest } from '../../../sdk/src/convert/generate-request.js';
import { writeLoadRequest } from '../../../sdk/src/convert/load-request.js';

const base = { model: 'big', prompt: 'Once' };
const generate = (options: Partial<GenerateOptions>) =>
  writeGenerateRequest({ ...base, ...options });
const placed = (placement: PlanOptions['placement']) =>
  writeLoadRequest({ id: 'a', path: 'a.gguf', placement }).placement;

describe('a generation as it is sent', () => {
  it('leaves every default to the server', () => {
    expect(writeGenerateRequest(base)).toEqual({
      model: 'big',
      draftModel: undefined,
      input: { $case: 'text', value: 'Once' },
      maxTokens: undefined,
      stop: [],
      sampling: undefined,
      speculation: undefined,
      logprobs: undefined,
      statsLevel: 'STATS_LEVEL_UNSPECIFIED',
      cachePrompt: undefined,
    });
  });

  it('tells "no draft" from "the default draft"', () => {
    expect(generate({ draftModel: null }).draftModel).toBe('');
    expect(generate({ draftModel: 'small' }).draftModel).toBe('small');
    expect(generate({}).draftModel).toBeUndefined();
  });

  it('spells speculation out', () => {
    expect(generate({ speculation: 'off' }).speculation).toMatchObject({
      mode: 'SPECULATION_MODE_OFF',
      maxDraftTokens: undefined,
    });
    expect(generate({ speculation: 'auto' }).speculation?.mode).toBe('SPECULATION_MODE_AUTO');
    expect(generate({ speculation: 3 }).speculation).toMatchObject({
      mode: 'SPECULATION_MODE_FIXED',
      maxDraftTokens: 3,
    });
    expect(
      generate({
        speculation: {
          maxDraftTokens: 0,
          minDraftProbability: 0.5,
          sources: ['draft_model', 'ngram'],
          overlap: 'on',
          onUnavailable: 'best_effort',
          synthetic: [0.5],
        },
      }).speculation,
    ).toEqual({
      mode: 'SPECULATION_MODE_UNSPECIFIED',
      maxDraftTokens: 0,
      minDraftTokens: undefined,
      minDraftProbability: 0.5,
      sources: ['DRAFT_SOURCE_DRAFT_MODEL', 'DRAFT_SOURCE_NGRAM'],
      overlap: 'OVERLAP_ON',
      onUnavailable: 'UNAVAILABLE_POLICY_BEST_EFFORT',
      synthetic: { rates: [0.5] },
    });
  });

  it('keeps zeros that mean something', () => {
    expect(generate({ temperature: 0, topK: 0, seed: 0, logprobs: 0 })).toMatchObject({
      sampling: { temperature: 0, topK: 0, seed: 0 },
      logprobs: 0,
    });
  });

  it('takes ids, conversations, stop strings, biases and grammars', () => {
    expect(writeGenerateRequest({ model: 'big', tokenIds: [1, 2] }).input).toEqual({
      $case: 'tokenIds',
      value: { ids: [1, 2] },
    });
    const messages = [{ role: 'user', content: 'Hi' }] as const;
    expect(writeGenerateRequest({ model: 'big', messages, chatTemplate: 'T' }).input).toEqual({
      $case: 'chat',
      value: { messages: [{ role: 'CHAT_ROLE_USER', content: 'Hi' }], template: 'T' },
    });
    expect(generate({ stop: 'x' }).stop).toEqual(['x']);
    expect(generate({ logitBias: { 7: -100 } }).sampling?.logitBias).toEqual([
      { tokenId: 7, bias: -100 },
    ]);
    expect(generate({ grammar: { jsonSchema: { type: 'object' } } }).sampling?.grammar).toEqual({
      $case: 'jsonSchema',
      value: '{"type":"object"}',
    });
  });

  it.each([
    ['a misspelt option', { temprature: 1 }, 'temprature'],
    ['a misspelt part of speculation', { speculation: { maxDraft: 1 } }, 'speculation.maxDraft'],
    ['an unknown literal', { stats: 'all' }, 'stats'],
    ['two inputs', { tokenIds: [1] }, 'prompt'],
    ['no input', { prompt: undefined }, 'prompt'],
    ['a template without messages', { chatTemplate: 'T' }, 'chatTemplate'],
    ['two grammars', { grammar: { gbnf: '', jsonSchema: {} } }, 'grammar'],
  ])('refuses %s by name', (_what, wrong, field) => {
    const act = () => generate(wrong as Partial<GenerateOptions>);

    expect(act).toThrow(InvalidRequestError);
    expect(act).toThrow(
      expect.objectContaining({ fieldViolations: [expect.objectContaining({ field })] }),
    );
  });
});

describe('a load as it is sent', () => {
  it('leaves every default to the server', () => {
    expect(writeLoadRequest({ id: 'a', path: 'a.gguf' })).toEqual({
      modelId: 'a',
      source: { source: { $case: 'path', value: 'a.gguf' }, sha256: '' },
      role: 'ROLE_UNSPECIFIED',
      placement: undefined,
      options: undefined,
      draftFor: '',
      onUnavailable: 'UNAVAILABLE_POLICY_UNSPECIFIED',
      replace: false,
      detached: false,
      skipMemoryCheck: false,
      engine: '',
    });
  });

  it('keeps unset, none, auto and a list of devices apart', () => {
    expect(placed({})?.devices).toEqual([]);
    expect(placed({ devices: 'none' })?.devices).toEqual(['none']);
    expect(placed({ devices: 'auto' })?.devices).toEqual(['auto']);
    expect(placed({ devices: ['CUDA1', 'CUDA0'] })?.devices).toEqual(['CUDA1', 'CUDA0']);
  });

  it('counts layers, or names a preset', () => {
    expect(placed({ gpuLayers: 0 })?.gpuLayers).toEqual({ layers: { $case: 'count', value: 0 } });
    expect(placed({ gpuLayers: 'all' })?.gpuLayers).toEqual({
      layers: { $case: 'preset', value: 'GPU_LAYERS_PRESET_ALL' },
    });
    expect(placed({})?.gpuLayers).toBeUndefined();
  });

  it('keeps experts of all layers or of the first few on the CPU', () => {
    expect(placed({ cpuMoe: true })?.moeOnCpu).toEqual({ $case: 'cpuMoe', value: true });
    expect(placed({ cpuMoe: 3 })?.moeOnCpu).toEqual({ $case: 'nCpuMoe', value: 3 });
  });

  it.each([
    ['a path beside a URI', { uri: 'hf:a/b' }, 'uri'],
    ['a misspelt placement', { placement: { device: 'cpu' } }, 'placement.device'],
    ['a misspelt option', { options: { ctx: 1 } }, 'options.ctx'],
    ['an unknown cache type', { options: { kvTypeK: 'q3' } }, 'options.kvTypeK'],
  ])('refuses %s by name', (_what, wrong, field) => {
    const act = () => writeLoadRequest({ id: 'a', path: 'a.gguf', ...wrong } as PlanOptions);

    expect(act).toThrow(
      expect.objectContaining({ fieldViolations: [expect.objectContaining({ field })] }),
    );
  });
});
