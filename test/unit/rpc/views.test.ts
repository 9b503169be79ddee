import { describe, expect, it } from '@jest/globals';
import {
  GenerateRequest,
  SamplingParams,
  SpeculationMode,
  StatsLevel,
  UnavailablePolicy,
} from '@outrider/sdk/proto';
import fc from 'fast-check';
import { completionView, timings } from '../../../server/src/rpc/completion.js';
import { countCores } from '../../../server/src/engine/host.js';
import { page } from '../../../server/src/rpc/page.js';
import { samplingSpec } from '../../../server/src/rpc/sampling-defaults.js';
import { wantedSpeculation } from '../../../server/src/rpc/speculation-defaults.js';

const microseconds = fc.integer({ min: 0, max: 10 ** 12 });

function completion(promptUs: number, decodeUs: number, completionTokens: number) {
  const usage = { promptTokens: 10, completionTokens, cachedTokens: 4 };
  return {
    finishReason: 'FINISH_REASON_LENGTH',
    matchedStop: '',
    usage,
    promptUs,
    decodeUs,
    speculation: {} as never,
  } as const;
}

describe('the timings of a generation', () => {
  it('add up exactly', () => {
    fc.assert(
      fc.property(microseconds, microseconds, microseconds, (queueUs, promptUs, decodeUs) => {
        const times = timings(completion(promptUs, decodeUs, 5), queueUs);

        expect(times.timeToFirstTokenUs).toBe(times.queueUs + times.promptUs);
        expect(times.totalUs).toBe(times.timeToFirstTokenUs + times.decodeUs);
      }),
    );
  });

  it('count neither cached prompt tokens nor the first token', () => {
    expect(timings(completion(2_000_000, 4_000_000, 9), 0)).toMatchObject({
      promptTokensPerSecond: 3,
      tokensPerSecond: 2,
    });
  });

  it('have no rate for a single token', () => {
    expect(timings(completion(10, 0, 1), 0).tokensPerSecond).toBeUndefined();
  });
});

describe('the completion', () => {
  it('leaves the summary out at level NONE', () => {
    expect(completionView(completion(1, 1, 2), 0, StatsLevel.NONE).speculation).toBeUndefined();
    expect(completionView(completion(1, 1, 2), 0, StatsLevel.SUMMARY).speculation).toBeDefined();
  });
});

describe('what a request leaves unset', () => {
  it('gets the values of the contract', () => {
    expect(samplingSpec(undefined, {}, () => 7)).toEqual({
      temperature: 0.8,
      topK: 40,
      topP: 0.95,
      minP: 0.05,
      typicalP: 1,
      repetitionPenalty: 1,
      presencePenalty: 0,
      frequencyPenalty: 0,
      penaltyLastN: 64,
      seed: 7,
      logitBias: [],
      ignoreEos: false,
    });
  });

  it('gets the values of the server before those, and zero is not unset', () => {
    const params = SamplingParams.fromPartial({ temperature: 0, seed: 0 });

    expect(samplingSpec(params, { temperature: 0.5, topK: 9, seed: 3 })).toMatchObject({
      temperature: 0,
      topK: 9,
      seed: 0,
    });
  });

  it('is drawn as a seed of 32 bits', () => {
    const seeds = Array.from({ length: 50 }, () => samplingSpec(undefined, {}).seed);

    expect(new Set(seeds).size).toBeGreaterThan(45);
    expect(seeds.every(seed => Number.isInteger(seed) && seed >= 0 && seed < 2 ** 32)).toBe(true);
  });
});

describe('the speculation of a request', () => {
  const wanted = (wish: Parameters<typeof GenerateRequest.fromPartial>[0], defaults = {}) =>
    wantedSpeculation(GenerateRequest.fromPartial(wish), defaults);

  it('is required exactly when a draft is named, unless the request says otherwise', () => {
    expect(wanted({}).required).toBe(false);
    expect(wanted({ draftModel: '' }).required).toBe(false);
    expect(wanted({ draftModel: 'small' })).toMatchObject({
      required: true,
      draftModel: 'models/small',
    });
    const speculation = { onUnavailable: UnavailablePolicy.BEST_EFFORT };
    expect(wanted({ draftModel: 'small', speculation }).required).toBe(false);
  });

  it('drafts at most 16 tokens in AUTO and 4 in FIXED unless told otherwise', () => {
    expect(wanted({}).maxDraftTokens).toBe(16);
    expect(wanted({ speculation: { maxDraftTokens: 9 } }).maxDraftTokens).toBe(9);
    expect(wanted({ speculation: { minDraftTokens: 6 } }).maxDraftTokens).toBe(16);
    expect(wanted({ speculation: { mode: SpeculationMode.FIXED } }).maxDraftTokens).toBe(4);
    expect(wanted({ speculation: { maxDraftTokens: 0 } }).maxDraftTokens).toBe(0);
  });

  it('never has a default that contradicts the request', () => {
    const defaults = { mode: SpeculationMode.FIXED, maxDraftTokens: 8, minDraftTokens: 6 };

    expect(wanted({ speculation: { maxDraftTokens: 2 } }, defaults)).toMatchObject({
      mode: 'fixed',
      maxDraftTokens: 2,
      minDraftTokens: 2,
    });
  });
});

describe('a list of models', () => {
  const models = ['c', 'a', 'B', 'b', 'd'].map(id => ({ name: `models/${id}` }));

  it('is cut into pages by name that together are the list', () => {
    const first = page(models, { pageSize: 2, pageToken: '' });
    const second = page(models, { pageSize: 2, pageToken: first.nextPageToken });
    const third = page(models, { pageSize: 2, pageToken: second.nextPageToken });

    expect([first, second, third].flatMap(each => each.items.map(({ name }) => name))).toEqual(
      ['B', 'a', 'b', 'c', 'd'].map(id => `models/${id}`),
    );
    expect(third.nextPageToken).toBe('');
  });

  it.each([
    ['page_size', { pageSize: 1001, pageToken: '' }],
    ['page_token', { pageSize: 1, pageToken: '!' }],
  ])('is refused for a wrong %s', (field, request) => {
    expect(() => page(models, request)).toThrow(
      expect.objectContaining({ violations: [expect.objectContaining({ field })] }),
    );
  });
});

describe('the cores of a machine', () => {
  it('are counted once per pair of socket and core', () => {
    const block = (socket: number, core: number) =>
      `processor\t: 0\nphysical id\t: ${socket}\ncore id\t\t: ${core}\n`;

    expect(countCores([block(0, 0), block(0, 0), block(0, 1), block(1, 0)].join('\n'))).toBe(3);
    expect(countCores('processor\t: 0\n')).toBeUndefined();
  });
});
