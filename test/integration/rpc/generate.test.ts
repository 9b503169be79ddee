import { describe, expect, it } from '@jest/globals';
import { DraftSource, FinishReason, SpeculationMode, StatsLevel } from '@outrider/sdk/proto';
import { Metadata, Status } from 'nice-grpc-common';
import { FakeEngine } from '../../support/fake-engine.js';
import { embedded, failureOf, firstEvents, readAll, readOn, Served } from './served.js';

const NEVER = () => new Promise<void>(() => undefined);
const PAIR = { models: [embedded('big'), embedded('small', { draftFor: 'big' })] };

const withTimeout = (ms: number) => ({ metadata: Metadata().set('grpc-timeout', `${ms}m`) });

describe('a generation', () => {
  it('streams what was started, its steps and its completion', async () => {
    await using served = await Served.ready(PAIR);

    const events = await readAll(served.generate({ maxTokens: 12 }));

    expect(events.map(({ event }) => event?.$case)).toEqual([
      'started',
      ...Array.from({ length: events.length - 2 }, () => 'step'),
      'completion',
    ]);
    expect(events[0]?.event?.value).toMatchObject({
      requestId: expect.stringMatching(/^[0-9a-f-]{36}$/),
      model: 'models/big',
      promptTokens: 5,
      speculation: {
        active: true,
        draftModel: 'models/small',
        mode: SpeculationMode.AUTO,
        maxDraftTokens: 16,
        sources: [DraftSource.DRAFT_MODEL, DraftSource.NGRAM],
        targetDevices: ['cpu'],
      },
      targetPlacement: { measured: true },
      draftPlacement: { measured: true },
    });
    const text = events.flatMap(({ event }) =>
      event?.$case === 'step' ? event.value.tokens.map(token => token.text) : [],
    );
    expect(text.join('')).toBe(Array.from({ length: 12 }, (_, i) => `w${i} `).join(''));
    expect(events.at(-1)?.event?.value).toMatchObject({
      finishReason: FinishReason.LENGTH,
      usage: { promptTokens: 5, completionTokens: 12 },
      speculation: { numDraftTokens: expect.any(Number) },
    });
  });

  it('has times that add up', async () => {
    await using served = await Served.ready();

    const events = await readAll(served.generate({ maxTokens: 5 }));
    const stepUs = events.reduce(
      (sum, { event }) => sum + (event?.$case === 'step' ? (event.value.stats?.stepUs ?? 0) : 0),
      0,
    );
    const last = events.at(-1)?.event;
    const times = last?.$case === 'completion' ? last.value.timings : undefined;

    expect(times?.decodeUs).toBe(stepUs);
    expect(times?.timeToFirstTokenUs).toBe((times?.queueUs ?? NaN) + (times?.promptUs ?? NaN));
    expect(times?.totalUs).toBe((times?.timeToFirstTokenUs ?? NaN) + stepUs);
  });

  it('tells no statistics at level NONE', async () => {
    await using served = await Served.ready(PAIR);

    const events = await readAll(served.generate({ maxTokens: 5, statsLevel: StatsLevel.NONE }));

    expect(JSON.stringify(events)).not.toMatch(/stepUs|numSteps/);
    expect(served.engine.generations[0]?.speculation.draftModel).toBe('models/small');
  });

  it('uses a given seed, or draws one, and says which', async () => {
    await using served = await Served.ready();
    const seedOf = async (seed?: number) => {
      const sampling = { seed, logitBias: [], ignoreEos: false, grammar: undefined };
      const { events } = await firstEvents(served.generate({ sampling, maxTokens: 2 }), 1);
      return events[0]?.event?.$case === 'started' ? events[0].event.value.seed : undefined;
    };

    expect(await seedOf(77)).toBe(77);
    expect(await seedOf()).not.toBe(await seedOf());
    expect(served.engine.generations[0]?.sampling.seed).toBe(77);
  });

  it('runs to the end of the context without max_tokens', async () => {
    await using served = await Served.ready();

    const events = await readAll(served.generate());

    expect(events.at(-1)?.event?.value).toMatchObject({
      finishReason: FinishReason.CONTEXT,
      usage: { completionTokens: 59 },
    });
  });

  it('whose prompt fills the context is refused with both numbers', async () => {
    await using served = await Served.ready();
    const ids = Array.from({ length: 64 }, () => 1);

    expect(
      await failureOf(served.generate({ input: { $case: 'tokenIds', value: { ids } } })),
    ).toMatchObject({
      code: Status.INVALID_ARGUMENT,
      details: ['ErrorInfo', 'BadRequest'],
      info: {
        reason: 'CONTEXT_EXCEEDED',
        domain: 'outrider',
        metadata: { prompt_tokens: '64', context_length: '64' },
      },
    });
  });

  it('leaves a line in the log with numbers and without text', async () => {
    await using served = await Served.ready(PAIR);
    const metadata = Metadata().set('x-request-id', 'mine');

    await readAll(served.generate({ maxTokens: 6 }, { metadata }));
    const line = served.log.find(({ msg }) => msg === 'call');

    expect(line).toMatchObject({
      requestId: 'mine',
      code: 'OK',
      model: 'models/big',
      draft: 'models/small',
      prompt: 5,
      generated: 6,
      drafted: expect.any(Number),
      accepted: expect.any(Number),
    });
    expect(JSON.stringify(served.log)).not.toMatch(/Once|w0/);
  });
});

describe('a generation that ends early', () => {
  it('stops in the engine when its reader breaks off', async () => {
    await using served = await Served.ready({}, new FakeEngine({ onStep: NEVER }));

    for await (const { event } of served.generate()) if (event?.$case === 'step') break;

    while (served.engine.cancelled.length === 0) await new Promise(setImmediate);
    const { model } = await served.models.getModel({ name: 'big' });
    expect(model?.activeGenerations).toBe(0);
  });

  it('by its deadline says in which stage it was', async () => {
    await using served = await Served.ready({}, new FakeEngine({ onStep: NEVER }));

    expect(await failureOf(served.generate({}, withTimeout(1000)))).toMatchObject({
      code: Status.DEADLINE_EXCEEDED,
      info: { reason: 'DEADLINE_EXCEEDED', metadata: { stage: 'DECODE' } },
    });
    expect(served.engine.cancelled).toHaveLength(1);
  });

  it('by its deadline does not wait for an engine that is slow to let go', async () => {
    const engine = new FakeEngine({ onStep: NEVER, onCancel: NEVER });
    await using served = await Served.ready({}, engine);

    expect(await failureOf(served.generate({}, withTimeout(1000)))).toMatchObject({
      info: { reason: 'DEADLINE_EXCEEDED', metadata: { stage: 'DECODE' } },
    });
  });

  it('by its deadline in the queue gives its place up', async () => {
    const models = [embedded('big', { options: { parallelSequences: 1 } })];
    await using served = await Served.ready({ models }, new FakeEngine({ onStep: NEVER }));
    await firstEvents(served.generate(), 2);

    expect(await failureOf(served.generate({}, withTimeout(1000)))).toMatchObject({
      info: { metadata: { stage: 'QUEUE' } },
    });
    const { model } = await served.models.getModel({ name: 'models/big' });
    expect(model).toMatchObject({ activeGenerations: 1, queuedGenerations: 0 });
  });

  it('because the queue is full is told when to come back', async () => {
    const models = [embedded('big', { options: { parallelSequences: 1 } })];
    const engine = new FakeEngine({ onStep: NEVER });
    await using served = await Served.ready({ models, maxQueue: 0 }, engine);
    await firstEvents(served.generate(), 2);
    let trailer: Metadata | undefined;
    const onTrailer = (given: Metadata) => (trailer = given);

    const failure = await failureOf(served.generate({}, { onTrailer }), () => trailer);

    expect(failure).toMatchObject({
      code: Status.RESOURCE_EXHAUSTED,
      info: { reason: 'QUEUE_FULL' },
      details: ['ErrorInfo', 'QuotaFailure', 'RetryInfo'],
    });
    expect(Number(failure.trailer?.get('grpc-retry-pushback-ms'))).toBeGreaterThan(0);
    expect(failure.trailer?.get('x-request-id')).toBe(failure.info?.metadata['request_id']);
  });

  it('by a forced unload is aborted', async () => {
    await using served = await Served.ready({}, new FakeEngine({ onStep: NEVER }));
    const { rest } = await firstEvents(served.generate(), 2);

    const unloaded = await served.models.unloadModel({ name: 'big', force: true });

    expect(unloaded).toMatchObject({ abortedGenerations: 1, freed: [{ totalBytes: 1000 }] });
    expect(await failureOf(readOn(rest))).toMatchObject({
      code: Status.ABORTED,
      info: { reason: 'MODEL_UNLOADED' },
    });
  });

  it('by the death of the engine may be tried again', async () => {
    await using served = await Served.ready({}, new FakeEngine({ onStep: NEVER }));
    const { rest } = await firstEvents(served.generate(), 2);
    await served.devices.getDeviceInfo({});

    served.engine.die();

    expect(await failureOf(readOn(rest))).toMatchObject({
      code: Status.UNAVAILABLE,
      info: { reason: 'ENGINE_RESTARTED' },
      details: ['ErrorInfo', 'RetryInfo'],
    });
    const { inventory } = await served.devices.getDeviceInfo({});
    expect(inventory?.engines).toEqual([
      expect.objectContaining({ running: false, lastExit: 'SIGKILL' }),
    ]);
  });

  it('because its reader has stalled frees the sequence and says so', async () => {
    const engine = new FakeEngine({ word: () => 'x'.repeat(16_384) });
    const models = [embedded('big', { options: { contextLength: 2_000 } })];
    await using served = await Served.ready({ models, slowConsumerMs: 150 }, engine);
    const { rest } = await firstEvents(served.generate(), 2);

    while (served.engine.cancelled.length === 0) await new Promise(setImmediate);

    expect(await failureOf(readOn(rest))).toMatchObject({
      code: Status.ABORTED,
      info: {
        reason: 'SLOW_CONSUMER',
        metadata: { request_id: expect.stringMatching(/^[0-9a-f-]{36}$/) },
      },
    });
    const { model } = await served.models.getModel({ name: 'big' });
    expect(model?.activeGenerations).toBe(0);
  });
});

describe('tokens', () => {
  it('are made of text and of chat, and text of them', async () => {
    await using served = await Served.ready();
    const messages = [{ role: 'CHAT_ROLE_USER' as const, content: 'a b' }];
    const template = '{{ bos_token }} {{ messages[0].content }}';

    const { tokenIds } = await served.generation.tokenize({
      model: 'big',
      input: { $case: 'text', value: 'a b c' },
    });
    const plain = await served.generation.tokenize({
      model: 'big',
      input: { $case: 'text', value: '' },
      addSpecial: false,
    });
    const chat = await served.generation.tokenize({
      model: 'big',
      input: { $case: 'chat', value: { messages, template } },
    });

    expect(tokenIds).toEqual([1, 10, 11, 12]);
    expect(plain.tokenIds).toEqual([]);
    expect(chat.tokenIds).toEqual([10, 11, 12]);
    expect(await served.generation.detokenize({ model: 'big', tokenIds })).toEqual({
      text: 'w1 w10 w11 w12',
    });
    expect(
      await failureOf(served.generation.detokenize({ model: 'big', tokenIds: [100] })),
    ).toMatchObject({ info: { reason: 'INVALID_FIELD' } });
  });
});
