import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import {
  DraftSource,
  type GenerateRequest,
  type GenerateResponse,
  SpeculationParams,
} from '@outrider/sdk/proto';
import { mkdtempSync, rmSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { identityViolations } from '../support/identities.js';
import { eventsOf, type RawClient, rawClient } from '../support/raw-client.js';
import { type Service, startService } from '../support/serve.js';

const oneThread = ['--threads', '1', '--threads-draft', '1'];
const base = {
  model: 'models/target',
  input: { $case: 'text', value: 'Once upon a time' },
  maxTokens: 40,
  statsLevel: 'STATS_LEVEL_DETAILED',
} as const satisfies Partial<GenerateRequest>;

describe('a generation on the embedded pair', () => {
  let service: Service;
  let client: RawClient;

  beforeAll(async () => {
    service = await startService(oneThread);
    client = rawClient(service.address);
  }, 90_000);

  afterAll(async () => {
    client[Symbol.dispose]();
    await service.stop();
  });

  it('keeps every identity of its statistics', async () => {
    for (const [name, request] of Object.entries(variety)) {
      const events = await eventsOf(client, { ...base, ...request });
      expect([name, identityViolations(events)]).toEqual([name, []]);
    }
  }, 60_000);

  it('differs in statistics and times only from the same one without speculation', async () => {
    for (const [name, request] of Object.entries(variety)) {
      const whole = { ...base, ...request } as Partial<GenerateRequest>;
      const drafted = await eventsOf(client, whole);
      const plain = await eventsOf(client, { ...whole, speculation: off });
      expect([name, outcome(drafted)]).toEqual([name, outcome(plain)]);
    }
  }, 60_000);

  it('tells at its start what will be done and where', async () => {
    const [first] = await eventsOf(client, { ...base, maxTokens: 2 });

    expect(first?.event?.$case).toBe('started');
    if (first?.event?.$case !== 'started') return;
    expect(first.event.value).toMatchObject({
      model: 'models/target',
      promptTokens: 6,
      speculation: {
        active: true,
        mode: 'SPECULATION_MODE_AUTO',
        draftModel: 'models/draft',
        sources: ['DRAFT_SOURCE_DRAFT_MODEL', 'DRAFT_SOURCE_NGRAM'],
        maxDraftTokens: 16,
        overlap: false,
        targetDevices: ['cpu'],
        draftDevices: ['cpu'],
      },
      targetPlacement: { measured: true, totalLayers: 6 },
      draftPlacement: { measured: true, totalLayers: 3 },
    });
  });

  it('reports log probabilities of every token, drafted ones too', async () => {
    const events = await eventsOf(client, {
      ...base,
      logprobs: 3,
      sampling: sampling({ temperature: 0 }),
    });

    for (const token of tokensOf(events)) {
      expect(token.topLogprobs).toHaveLength(3);
      // Greedy: the chosen token is the most likely one.
      expect(token.topLogprobs[0]?.id).toBe(token.id);
      expect(token.logprob).toBeCloseTo(token.topLogprobs[0]?.logprob ?? 0, 4);
      expect(token.logprob).toBeLessThanOrEqual(0);
    }
  });

  it.each([
    ['copies from its text alone', [], { active: true, sources: ['DRAFT_SOURCE_NGRAM'] }],
    [
      'says why it does not speculate',
      [DraftSource.DRAFT_MODEL],
      { active: false, offReason: 'SPECULATION_OFF_REASON_NO_SOURCE' },
    ],
  ])('%s when the request names no draft and allows %j', async (_, sources, expected) => {
    const speculation = SpeculationParams.fromPartial({ sources });
    const events = await eventsOf(client, { ...base, draftModel: '', speculation });

    const [first] = events;
    expect(first?.event?.$case === 'started' && first.event.value.speculation).toMatchObject(
      expected,
    );
    expect(identityViolations(events)).toEqual([]);
  });

  it('gives each of eight clients what it would have had alone', async () => {
    const request = (seed: number) => ({
      ...base,
      maxTokens: 24,
      sampling: sampling({ temperature: 0.8, seed }),
    });
    const seeds = [1, 2, 3, 4, 5, 6, 7, 8];
    const alone: unknown[] = [];
    for (const seed of seeds) alone.push(outcome(await eventsOf(client, request(seed))));

    const together = await Promise.all(seeds.map(seed => eventsOf(client, request(seed))));

    expect(together.map(outcome)).toEqual(alone);
    for (const events of together) expect(identityViolations(events)).toEqual([]);
  }, 60_000);
});

describe('a service on a unix socket', () => {
  it('serves the same as over TCP', async () => {
    const directory = mkdtempSync(path.join(os.tmpdir(), 'outrider-'));
    const socket = `unix://${path.join(directory, 'outrider.sock')}`;
    try {
      await using service = await startService([...oneThread, '--listen', socket]);
      expect(service.address).toBe(socket);
      using client = rawClient(socket);
      const events = await eventsOf(client, base);
      expect(identityViolations(events)).toEqual([]);
      expect(tokensOf(events)).toHaveLength(40);
    } finally {
      rmSync(directory, { recursive: true, force: true });
    }
  }, 90_000);
});

const off = speculation({ mode: 'SPECULATION_MODE_OFF' });

/** Requests that between them reach every way in which a step or a stream ends. */
const variety: Readonly<Record<string, object>> = {
  greedy: { sampling: sampling({ temperature: 0 }) },
  sampled: { sampling: sampling({ temperature: 0.9, seed: 7 }) },
  'one token': { maxTokens: 1, sampling: sampling({ seed: 6 }) },
  'two tokens': { maxTokens: 2, sampling: sampling({ temperature: 0 }) },
  'a short prompt': { input: { $case: 'text', value: 'A' }, sampling: sampling({ seed: 8 }) },
  'drafts of 1': { speculation: fixed(1), sampling: sampling({ temperature: 0 }) },
  'drafts of 16': { speculation: fixed(16), sampling: sampling({ temperature: 0.5, seed: 3 }) },
  'unsure drafts': {
    speculation: speculation({
      mode: 'SPECULATION_MODE_FIXED',
      maxDraftTokens: 8,
      minDraftTokens: 2,
      minDraftProbability: 0.3,
    }),
    sampling: sampling({ temperature: 0.7, seed: 5 }),
  },
  'stop string': { stop: ['the', ' and'], sampling: sampling({ temperature: 0.8, seed: 11 }) },
  penalties: {
    sampling: sampling({
      temperature: 0.8,
      seed: 2,
      repetitionPenalty: 1.2,
      presencePenalty: 0.3,
      frequencyPenalty: 0.2,
      penaltyLastN: 32,
    }),
  },
  'to the end of the context': {
    maxTokens: undefined,
    sampling: sampling({ temperature: 1, seed: 9 }),
  },
  'biased to end': {
    sampling: sampling({ temperature: 1, seed: 4, logitBias: [{ tokenId: 2, bias: 7 }] }),
  },
};

function fixed(maxDraftTokens: number): GenerateRequest['speculation'] {
  return speculation({ mode: 'SPECULATION_MODE_FIXED', maxDraftTokens });
}

function speculation(
  change: Partial<NonNullable<GenerateRequest['speculation']>>,
): GenerateRequest['speculation'] {
  return {
    mode: 'SPECULATION_MODE_UNSPECIFIED',
    sources: [],
    overlap: 'OVERLAP_UNSPECIFIED',
    onUnavailable: 'UNAVAILABLE_POLICY_UNSPECIFIED',
    synthetic: undefined,
    ...change,
  };
}

function sampling(
  change: Partial<NonNullable<GenerateRequest['sampling']>>,
): GenerateRequest['sampling'] {
  return { seed: 1, logitBias: [], ignoreEos: false, grammar: undefined, ...change };
}

function tokensOf(events: readonly GenerateResponse[]) {
  return events.flatMap(({ event }) => (event?.$case === 'step' ? event.value.tokens : []));
}

/** What a caller keeps: ids, text, why it ended, what it counted. */
function outcome(events: readonly GenerateResponse[]): unknown {
  const last = events.at(-1)?.event;
  if (last?.$case !== 'completion') return last;
  const { finishReason, matchedStop, usage } = last.value;
  const tokens = tokensOf(events);
  return {
    ids: tokens.map(token => token.id),
    text: tokens.map(token => token.text).join(''),
    finishReason,
    matchedStop,
    usage,
  };
}
