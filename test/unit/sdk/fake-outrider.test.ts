import { describe, expect, it } from '@jest/globals';
import {
  type GenerationEvent,
  ModelNotFoundError,
  Outrider,
  OverloadedError,
  type StepStats,
} from '@outrider/sdk';
import { fakeOutrider } from '@outrider/sdk/testing';
import { collect, rejection } from './collect.js';

const request = { model: 'big', prompt: 'Once' };

describe('the scripted server', () => {
  it('turns strings into steps of one token, between a start and a completion', async () => {
    await using fake = await fakeOutrider({ generate: ({ model }) => ['I am ', model] });

    const result = await fake.client.generate(request);

    expect(result.text).toBe('I am big');
    expect(result.tokens).toHaveLength(2);
    expect(result.finishReason).toBe('end_of_text');
    expect(result.usage).toEqual({ promptTokens: 4, completionTokens: 2, cachedTokens: 0 });
    expect(result.started.model).toBe('models/big');
  });

  it('sends events as they are scripted, from an async script as well', async () => {
    const stats: StepStats = {
      stepIndex: 0,
      numDraftTokens: 2,
      numAcceptedDraftTokens: 1,
      numEmittedTokens: 2,
      firstRejectedPosition: 1,
      bonusToken: 'correction',
      draftSource: 'draft_model',
      draftStopReason: 'max_len',
      draftTokens: [],
      draftUs: 1,
      verifyUs: 2,
      idleUs: 3,
      overheadUs: 4,
      stepUs: 9,
      numDiscardedDraftTokens: 0,
      numOverlappedDraftTokens: 0,
      plannedDraftLen: 2,
      draftAcceptanceRate: 0.5,
      emaAcceptanceRate: 0.5,
      tokensPerSecond: 10,
      rolledBackTokens: 1,
      replayed: false,
      batchSize: 1,
    };
    const step: GenerationEvent = {
      type: 'step',
      text: 'xy',
      tokens: [
        { id: 1, text: 'x', fromDraft: true, topLogprobs: [] },
        { id: 2, text: 'y', fromDraft: false, topLogprobs: [] },
      ],
      stats,
    };
    await using fake = await fakeOutrider({
      async *generate() {
        yield 'a';
        yield step;
      },
    });

    expect(await collect(fake.client.generate(request).steps())).toEqual([stats]);
    expect((await collect(fake.client.generate(request)))[2]).toEqual(step);
  });

  it('fails as scripted', async () => {
    await using fake = await fakeOutrider({
      generate: () => ({ error: { code: 'RESOURCE_EXHAUSTED', reason: 'QUEUE_FULL' } }),
    });

    const error = await rejection(fake.client.generate(request));

    expect(error).toBeInstanceOf(OverloadedError);
    expect(error).toMatchObject({ code: 'RESOURCE_EXHAUSTED', reason: 'QUEUE_FULL' });
  });

  it('remembers what was asked, in order', async () => {
    await using fake = await fakeOutrider();
    const load = { id: 'big', path: 'big.gguf', placement: { devices: 'none' } } as const;
    const generate = { ...request, temperature: 0, speculation: { mode: 'off' } } as const;

    await fake.client.models.load(load);
    await fake.client.generate(generate);

    expect(fake.requests).toEqual([load, generate]);
  });

  it('loads, lists, pairs and unloads models', async () => {
    await using fake = await fakeOutrider({ models: [{ name: 'models/big' }] });
    const { models } = fake.client;

    const load = models.load({ id: 'small', path: 'small.gguf', draftFor: 'big' });
    const progress = await collect(load);
    expect(progress.map(({ stage, fraction }) => `${stage ?? ''} ${fraction}`)).toEqual([
      'resolving 0',
      'resolving 1',
      'loading 0',
      'loading 1',
      'warming_up 0',
      'warming_up 1',
    ]);
    expect(await load).toMatchObject({ name: 'models/small', state: 'ready', role: 'draft' });

    expect((await models.list()).map(model => model.name)).toEqual(['models/big', 'models/small']);
    expect((await models.get('big')).defaultDraft?.draftModel).toBe('models/small');
    expect((await models.setDefaultDraft('big', null)).defaultDraft).toBeUndefined();
    expect(await models.unload('small')).toEqual({
      freed: [],
      abortedGenerations: 0,
      detachedGenerations: 0,
    });
    expect(await rejection(models.get('small'))).toBeInstanceOf(ModelNotFoundError);
    expect(await rejection(fake.client.generate({ ...request, model: 'small' }))).toBeInstanceOf(
      ModelNotFoundError,
    );
  });

  it('lists more models than fit on a page, each time anew', async () => {
    const names = Array.from({ length: 250 }, (_, i) => `models/m${String(i).padStart(3, '0')}`);
    await using fake = await fakeOutrider({ models: names.map(name => ({ name })) });
    const list = fake.client.models.list();

    expect((await list).map(model => model.name)).toEqual(names);
    expect(await collect(list)).toHaveLength(250);
    expect(fake.requests).toHaveLength(6);
  });

  it('tells of devices, once or again and again', async () => {
    await using fake = await fakeOutrider();

    const inventory = await fake.client.devices.info();
    expect(inventory.devices.map(device => [device.name, device.type])).toEqual([['cpu', 'cpu']]);
    expect(inventory.time).toBeInstanceOf(Date);

    let seen = 0;
    for await (const { devices } of fake.client.devices.watch({ intervalMs: 5 })) {
      expect(devices).toEqual(inventory.devices);
      seen += 1;
      if (seen === 3) break;
    }
    expect(seen).toBe(3);
  });

  it('has code points for tokens', async () => {
    await using fake = await fakeOutrider();

    const ids = await fake.client.tokenize('big', 'né👍');
    expect(ids).toEqual([110, 233, 128077]);
    expect(await fake.client.detokenize('big', ids)).toBe('né👍');
    expect(await fake.client.tokenize('big', [{ role: 'user', content: 'x' }])).toHaveLength(8);
  });

  it('serves further clients, which find it serving', async () => {
    await using fake = await fakeOutrider();
    await using client = await Outrider.connect(fake.address);

    expect((await client.generate(request)).text).toBe('Once upon a time');
  });
});
