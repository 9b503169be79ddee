import { describe, expect, it } from '@jest/globals';
import { ModelState } from '@outrider/sdk/proto';
import { CodedError } from '../../../server/src/coded-error.js';
import { FakeEngine, type FakeScript } from '../../support/fake-engine.js';
import { drained, gate, type LoadWish, RegistryUnderTest } from './registry-under-test.js';

const OTHER: LoadWish = { replace: true, options: { threads: 3 } };

async function pair(script: FakeScript = {}) {
  const engine = new FakeEngine(script);
  const sut = new RegistryUnderTest(engine);
  await sut.load('big');
  await sut.load('small', { draftFor: 'big' });
  return { engine, sut };
}

function view(sut: RegistryUnderTest, model: string) {
  return sut.registry.view(sut.registry.get(model));
}

describe('replacing a draft', () => {
  it('loads beside the old one under another name in the engine, then frees the old one', async () => {
    const loading = gate();
    const { engine, sut } = await pair({
      onLoad: ({ model }) => (model.includes('#') ? loading.opened : undefined),
    });
    const replacing = drained(await sut.begin('small', OTHER));

    expect(view(sut, 'small')).toMatchObject({ state: ModelState.READY, options: {} });
    expect(engine.unloads).toEqual([]);
    loading.open();
    await replacing;

    expect(engine.loads.map(({ model }) => model)).toEqual([
      'models/big',
      'models/small',
      'models/small#2',
    ]);
    expect(engine.unloads).toEqual(['models/small']);
    expect(view(sut, 'small')).toMatchObject({
      name: 'models/small',
      state: ModelState.READY,
      options: { threads: 3 },
    });
    expect(sut.registry.records.map(({ name }) => name)).toEqual(['models/big', 'models/small']);
  });

  it('moves the streams that draft with it, which go on', async () => {
    const { engine, sut } = await pair();
    const [first, second] = [await sut.stream('big'), await sut.stream('big')];

    await sut.load('small', OTHER);

    expect(engine.moved).toEqual([
      [first.id, 'models/small#2'],
      [second.id, 'models/small#2'],
    ]);
    expect(engine.detached).toEqual([]);
    expect(first.signal.aborted).toBe(false);
    expect(first.draft?.loaded.options.threads).toBe(3);
    expect(view(sut, 'small').activeDrafts).toBe(2);
    first.close();
    second.close();
    expect(view(sut, 'small').activeDrafts).toBe(0);
    expect(sut.registry.get('small').idle).toBe(true);
  });

  it('keeps its pairing, and new streams draft with the new one', async () => {
    const { engine, sut } = await pair();

    await sut.load('small', OTHER);

    expect(view(sut, 'big').defaultDraft).toMatchObject({
      draftModel: 'models/small',
      available: true,
    });
    const stream = await sut.stream('big');
    expect(stream.spec.draftModel).toBe('models/small#2');
    expect(stream.effective.draftModel).toBe('models/small');
    expect(engine.moved).toEqual([]);
  });

  it('has the room that its target may ask for, as the old one had', async () => {
    const engine = new FakeEngine();
    const sut = new RegistryUnderTest(engine);
    await sut.load('big', { options: { parallelSequences: 7, contextLength: 48 } });
    await sut.load('small', { draftFor: 'big' });

    await sut.load('small', OTHER);

    expect(view(sut, 'small').options).toMatchObject({ parallelSequences: 7, contextLength: 48 });
  });

  it('leaves streams without a draft for which the new one has no sequence', async () => {
    const { engine, sut } = await pair();
    const streams = [await sut.stream('big'), await sut.stream('big')];

    await sut.load('small', { replace: true, options: { parallelSequences: 1 } });

    expect(engine.moved).toEqual([[streams[0]?.id, 'models/small#2']]);
    expect(engine.detached).toEqual([streams[1]?.id]);
    expect(view(sut, 'small').activeDrafts).toBe(1);
  });

  it('tells a stream that has not begun in the engine about its new draft', async () => {
    const { sut } = await pair();
    const stream = await sut.stream('big');

    await sut.load('small', OTHER);

    expect(stream.spec.draftModel).toBe('models/small#2');
  });

  it('can be done again and again, and survives a death of the engine', async () => {
    const { engine, sut } = await pair();
    await sut.load('small', OTHER);
    await sut.load('small', { replace: true, options: { threads: 5 } });

    engine.die();
    engine.restart();
    await sut.until('small', 'READY');

    expect(engine.unloads).toEqual(['models/small', 'models/small#2']);
    expect(engine.loads.slice(-2).map(({ model }) => model)).toEqual([
      'models/big',
      'models/small#3',
    ]);
  });

  it('with the settings that it has returns at once', async () => {
    const { engine, sut } = await pair();

    await sut.load('small', { draftFor: 'big', replace: true });

    expect(engine.loads).toHaveLength(2);
  });

  it('under an id that nobody has is a load', async () => {
    const { engine, sut } = await pair();

    await sut.load('third', OTHER);

    expect(engine.loads.at(-1)?.model).toBe('models/third');
  });
});

describe('replacing a model that generates', () => {
  it('is refused before anything is loaded', async () => {
    const { engine, sut } = await pair();
    await sut.stream('big');

    await expect(sut.load('big', OTHER)).rejects.toMatchObject({
      reason: 'MODEL_IN_USE',
      metadata: { model: 'models/big', generations: '1', drafts: '0' },
    });
    expect(engine.loads).toHaveLength(2);
  });

  it('is refused too when it began to while the new one was loading, which is freed', async () => {
    const loading = gate();
    const { engine, sut } = await pair({
      onLoad: ({ model }) => (model.includes('#') ? loading.opened : undefined),
    });
    const replacing = drained(await sut.begin('big', OTHER));
    const stream = await sut.stream('big');
    loading.open();

    await expect(replacing).rejects.toMatchObject({ reason: 'MODEL_IN_USE' });
    expect(engine.unloads).toEqual(['models/big#2']);
    expect(sut.stateOf('big')).toBe('READY');
    expect(stream.signal.aborted).toBe(false);
  });

  it('works once it is idle, with its default draft', async () => {
    const { sut } = await pair();
    const stream = await sut.stream('big');
    stream.close();

    await sut.load('big', OTHER);

    expect(view(sut, 'big').defaultDraft).toMatchObject({ draftModel: 'models/small' });
    expect((await sut.stream('big')).effective.active).toBe(true);
  });
});

describe('a replacement that fails', () => {
  it('to load leaves the old one as it was, drafting on', async () => {
    const { engine, sut } = await pair({
      onLoad: ({ model }) => {
        if (model.includes('#')) throw new CodedError('INSUFFICIENT_DEVICE_MEMORY', 'too big');
      },
    });
    await sut.stream('big');
    const before = view(sut, 'small');

    for (const onUnavailable of [undefined, 'UNAVAILABLE_POLICY_BEST_EFFORT'] as const) {
      const wish = { ...OTHER, draftFor: 'big', ...(onUnavailable && { onUnavailable }) };
      await expect(sut.load('small', wish)).rejects.toMatchObject({
        reason: 'INSUFFICIENT_DEVICE_MEMORY',
      });
    }

    expect(view(sut, 'small')).toEqual(before);
    expect([engine.moved, engine.detached, engine.unloads]).toEqual([[], [], []]);
  });

  it('to match the vocabulary of a target that it is to go on drafting for is freed', async () => {
    const { engine, sut } = await pair({
      comparePair: (_target, draft) =>
        draft.includes('#')
          ? { match: false, kind: 'SIZE', targetValue: '100', draftValue: '90' }
          : { match: true },
      loaded: ({ model }) => ({ vocabularyFingerprint: model }),
    });

    await expect(sut.load('small', OTHER)).rejects.toMatchObject({ reason: 'VOCAB_MISMATCH' });
    expect(engine.unloads).toEqual(['models/small#2']);
    expect(view(sut, 'big').defaultDraft).toMatchObject({ available: true });
  });

  it('because its caller left frees the new one and keeps the old one', async () => {
    const { engine, sut } = await pair({
      onLoad: ({ model }) => (model.includes('#') ? new Promise(() => undefined) : undefined),
    });
    const caller = new AbortController();
    const replacing = drained(await sut.begin('small', OTHER, caller.signal));
    caller.abort();

    await expect(replacing).rejects.toBeDefined();
    await expect(sut.load('small', { draftFor: 'big' })).resolves.toBeDefined();
    expect(sut.stateOf('small')).toBe('READY');
    expect(engine.moved).toEqual([]);
  });

  it('because the old one was unloaded meanwhile leaves no model', async () => {
    const { sut } = await pair({
      onLoad: ({ model }) => (model.includes('#') ? new Promise(() => undefined) : undefined),
    });
    const replacing = drained(await sut.begin('small', OTHER));

    const [refused] = await Promise.allSettled([replacing, sut.unload('small')]);

    expect(refused).toMatchObject({ status: 'rejected', reason: { reason: 'MODEL_UNLOADED' } });
    expect(sut.stateOf('small')).toBeUndefined();
  });
});

describe('a load request while a replacement is under way', () => {
  async function underWay() {
    const loading = gate();
    const made = await pair({
      onLoad: ({ model }) => (model.includes('#') ? loading.opened : undefined),
    });
    return { ...made, loading, first: drained(await made.sut.begin('small', OTHER)) };
  }

  it('joins it when it asks for the same', async () => {
    const { engine, sut, loading, first } = await underWay();
    const second = drained(await sut.begin('small', OTHER));
    loading.open();

    await Promise.all([first, second]);
    expect(engine.loads).toHaveLength(3);
  });

  it('is refused when it asks for something else', async () => {
    const { sut, loading, first } = await underWay();

    await expect(
      sut.begin('small', { replace: true, options: { threads: 8 } }),
    ).rejects.toMatchObject({ reason: 'MODEL_EXISTS', metadata: { differs: 'options.threads' } });
    loading.open();
    await first;
  });
});

describe('replacing a model that has failed', () => {
  it('puts a new one into its place, with the pairing', async () => {
    let short = true;
    const engine = new FakeEngine({
      onLoad: ({ model }) => {
        if (short && model.startsWith('models/small')) {
          throw new CodedError('INSUFFICIENT_DEVICE_MEMORY', 'too big');
        }
      },
    });
    const sut = new RegistryUnderTest(engine);
    await sut.load('big');
    await sut.load('small', {
      draftFor: 'big',
      onUnavailable: 'UNAVAILABLE_POLICY_BEST_EFFORT',
    });
    expect(sut.stateOf('small')).toBe('FAILED');
    short = false;

    await sut.load('small', OTHER);

    expect(engine.unloads).toEqual([]);
    expect(view(sut, 'big').defaultDraft).toMatchObject({ available: true });
  });
});
