import { describe, expect, it } from '@jest/globals';
import {
  DraftSource,
  GenerateRequest,
  Overlap,
  SpeculationMode,
  StatsLevel,
} from '@outrider/sdk/proto';
import { CodedError } from '../../../server/src/coded-error.js';
import { validateGenerate } from '../../../server/src/rpc/validate/generate.js';

type Wish = Parameters<typeof GenerateRequest.fromPartial>[0];

const RULES = { allowSynthetic: false, cachePrompt: true };
const LIMITS = { contextLength: 64, vocabularySize: 100, microBatchSize: 32 };
const TEXT = { $case: 'text', value: 'Once' } as const;

function refusalOf(wish: Wish): CodedError | undefined {
  try {
    validateGenerate(
      GenerateRequest.fromPartial({ model: 'big', input: TEXT, ...wish }),
      LIMITS,
      RULES,
    );
  } catch (error) {
    return CodedError.from(error);
  }
  return undefined;
}

const fieldsOf = (wish: Wish) => refusalOf(wish)?.violations.map(({ field }) => field);

describe('a generation request', () => {
  it('passes with every field at its limits', () => {
    const wish: Wish = {
      model: 'models/big',
      draftModel: '',
      input: { $case: 'tokenIds', value: { ids: [0, 99] } },
      maxTokens: 64,
      stop: Array.from({ length: 16 }, () => 'x'.repeat(256)),
      sampling: {
        temperature: 0,
        topK: 0,
        topP: 1,
        minP: 0,
        typicalP: 1,
        repetitionPenalty: 0.1,
        presencePenalty: -2,
        frequencyPenalty: 2,
        penaltyLastN: 0,
        seed: 0,
        logitBias: [{ tokenId: 99, bias: -100 }],
      },
      speculation: {
        mode: SpeculationMode.FIXED,
        maxDraftTokens: 31,
        minDraftTokens: 31,
        minDraftProbability: 1,
        sources: [DraftSource.DRAFT_MODEL],
        overlap: Overlap.OFF,
      },
      logprobs: 20,
      statsLevel: StatsLevel.DETAILED,
      cachePrompt: false,
    };

    expect(refusalOf(wish)).toBeUndefined();
  });

  it.each<[string, Wish]>([
    ['model', { model: '' }],
    ['model', { model: 'models/-x' }],
    ['model', { model: 'x'.repeat(64) }],
    ['draft_model', { draftModel: 'a/b' }],
    ['draft_model', { draftModel: 'models/big' }],
    ['max_tokens', { maxTokens: 0 }],
    ['max_tokens', { maxTokens: 65 }],
    ['stop', { stop: Array.from({ length: 17 }, () => 'x') }],
    ['stop[1]', { stop: ['x', ''] }],
    ['stop[0]', { stop: ['é'.repeat(129)] }],
    ['token_ids.ids[1]', { input: { $case: 'tokenIds', value: { ids: [1, 100] } } }],
    [
      'chat.messages[0].role',
      { input: { $case: 'chat', value: { messages: [{ content: 'x' }] } } },
    ],
    ['sampling.temperature', { sampling: { temperature: NaN } }],
    ['sampling.temperature', { sampling: { temperature: -0.1 } }],
    ['sampling.temperature', { sampling: { temperature: Infinity } }],
    ['sampling.top_p', { sampling: { topP: 0 } }],
    ['sampling.top_p', { sampling: { topP: 1.01 } }],
    ['sampling.min_p', { sampling: { minP: -0.01 } }],
    ['sampling.typical_p', { sampling: { typicalP: 0 } }],
    ['sampling.repetition_penalty', { sampling: { repetitionPenalty: 0 } }],
    ['sampling.presence_penalty', { sampling: { presencePenalty: 2.1 } }],
    ['sampling.frequency_penalty', { sampling: { frequencyPenalty: NaN } }],
    ['sampling.logit_bias[0].token_id', { sampling: { logitBias: [{ tokenId: 100, bias: 1 }] } }],
    ['sampling.logit_bias[0].bias', { sampling: { logitBias: [{ tokenId: 1, bias: NaN }] } }],
    [
      'sampling.logit_bias',
      { sampling: { logitBias: Array.from({ length: 1025 }, () => ({ tokenId: 1, bias: 1 })) } },
    ],
    ['speculation.mode', { speculation: { mode: SpeculationMode.UNRECOGNIZED } }],
    ['speculation.overlap', { speculation: { overlap: Overlap.UNRECOGNIZED } }],
    ['speculation.sources[0]', { speculation: { sources: [DraftSource.MIXED] } }],
    ['speculation.max_draft_tokens', { speculation: { maxDraftTokens: 32 } }],
    ['speculation.max_draft_tokens', { speculation: { maxDraftTokens: 65 } }],
    ['speculation.min_draft_tokens', { speculation: { maxDraftTokens: 2, minDraftTokens: 3 } }],
    [
      'speculation.min_draft_tokens',
      { speculation: { mode: SpeculationMode.FIXED, minDraftTokens: 5 } },
    ],
    ['speculation.min_draft_probability', { speculation: { minDraftProbability: NaN } }],
    ['speculation.synthetic.rates', { speculation: { synthetic: { rates: [] } } }],
    ['logprobs', { logprobs: 0, speculation: { synthetic: { rates: [0.5] } } }],
    ['cache_prompt', { cachePrompt: true, speculation: { synthetic: { rates: [0.5] } } }],
    [
      'sampling.gbnf',
      {
        sampling: { grammar: { $case: 'gbnf', value: 'root ::= "a"' } },
        speculation: { synthetic: { rates: [0.5] } },
      },
    ],
    ['speculation.synthetic.rates[1]', { speculation: { synthetic: { rates: [0.5, 2] } } }],
    ['logprobs', { logprobs: 21 }],
    ['stats_level', { statsLevel: StatsLevel.UNRECOGNIZED }],
  ])('is refused for %s (%j)', (field, wish) => {
    expect(refusalOf(wish)?.reason).toBe('INVALID_FIELD');
    expect(fieldsOf(wish)).toEqual([field]);
  });

  it('hears of everything that is wrong at once', () => {
    const wish = { model: '', maxTokens: 0, logprobs: 99, sampling: { topP: 2, minP: NaN } };

    expect(fieldsOf(wish)).toEqual([
      'model',
      'max_tokens',
      'sampling.top_p',
      'sampling.min_p',
      'logprobs',
    ]);
  });

  it.each<[string, Wish]>([
    ['text', { input: { $case: 'text', value: '' } }],
    ['token_ids.ids', { input: { $case: 'tokenIds', value: { ids: [] } } }],
    ['chat.messages', { input: { $case: 'chat', value: { messages: [] } } }],
  ])('without anything in %s is an empty prompt', (field, wish) => {
    expect(refusalOf(wish)).toMatchObject({ reason: 'EMPTY_PROMPT', violations: [{ field }] });
  });

  it('without an input is refused as incomplete', () => {
    const request = GenerateRequest.fromPartial({ model: 'big' });

    expect(() => validateGenerate(request, LIMITS, RULES)).toThrow(
      expect.objectContaining({
        reason: 'INVALID_FIELD',
        message: expect.stringMatching(/^input/),
      }),
    );
  });

  it.each<[string, Wish]>([
    ['sampling.gbnf', { sampling: { grammar: { $case: 'gbnf', value: 'root ::= "a"' } } }],
    ['sampling.json_schema', { sampling: { grammar: { $case: 'jsonSchema', value: '{}' } } }],
    [
      'speculation.sources',
      { speculation: { sources: [DraftSource.DRAFT_MODEL, DraftSource.GRAMMAR] } },
    ],
  ])('is not supported with %s yet', (field, wish) => {
    expect(refusalOf(wish)).toMatchObject({ reason: 'NOT_SUPPORTED', metadata: { field } });
  });

  it('may not ask for prompts to be cached where the server does without', () => {
    const request = (cachePrompt?: boolean): GenerateRequest =>
      GenerateRequest.fromPartial({
        model: 'big',
        input: TEXT,
        ...(cachePrompt === undefined ? {} : { cachePrompt }),
      });
    const rules = { ...RULES, cachePrompt: false };

    expect(() => validateGenerate(request(true), LIMITS, rules)).toThrow(
      expect.objectContaining({
        reason: 'INVALID_FIELD',
        message: 'cache_prompt: is off on this server; leave it unset or false',
      }),
    );
    expect(() => validateGenerate(request(false), LIMITS, rules)).not.toThrow();
    expect(() => validateGenerate(request(), LIMITS, rules)).not.toThrow();
    expect(() => validateGenerate(request(true), LIMITS, RULES)).not.toThrow();
  });

  it('may not ask for acceptance by dice unless the server allows it', () => {
    const wish = { speculation: { synthetic: { rates: [0.5] } } };

    expect(refusalOf(wish)).toMatchObject({
      reason: 'SYNTHETIC_DISABLED',
      metadata: { field: 'speculation.synthetic' },
    });
    const request = GenerateRequest.fromPartial({ model: 'big', input: TEXT, ...wish });
    const rules = { ...RULES, allowSynthetic: true };
    expect(() => validateGenerate(request, LIMITS, rules)).not.toThrow();
  });

  it('is checked as far as it goes while the model is unknown', () => {
    const request = GenerateRequest.fromPartial({
      model: 'gone',
      input: { $case: 'tokenIds', value: { ids: [1_000_000] } },
      maxTokens: 1_000,
    });

    expect(() => validateGenerate(request, undefined, RULES)).not.toThrow();
  });
});
