import { describe, expect, it } from '@jest/globals';
import { DraftSource, SpeculationOffReason } from '@outrider/sdk/proto';
import { CodedError } from '../../../server/src/coded-error.js';
import { expectedWaitMs } from '../../../server/src/registry/wait-estimate.js';
import { FakeEngine, loadedModel } from '../../support/fake-engine.js';
import { RegistryUnderTest } from './registry-under-test.js';

const ONE = { options: { parallelSequences: 1 } };

describe('a model with one sequence', () => {
  async function busy(maxQueue = 2) {
    const sut = new RegistryUnderTest(new FakeEngine(), maxQueue);
    await sut.load('big', ONE);
    return { sut, first: await sut.stream('big') };
  }

  it('serves those of one caller who wait in the order of their coming', async () => {
    const { sut, first } = await busy();
    const served: string[] = [];
    const wait = (name: string) => sut.stream('big').then(stream => (served.push(name), stream));
    const [second, third] = [wait('second'), wait('third')];

    first.close();
    (await second).close();
    await third;

    expect(served).toEqual(['second', 'third']);
  });

  it('refuses more than may wait', async () => {
    const { sut } = await busy(1);
    const waiting = sut.stream('big');
    await new Promise(resolve => setImmediate(resolve));

    await expect(sut.stream('big')).rejects.toMatchObject({
      reason: 'QUEUE_FULL',
      metadata: { model: 'models/big', queue: '1' },
      retryAfterMs: expect.any(Number),
    });
    expect(sut.registry.get('big').admission.waiting).toBe(1);
    expect(await Promise.race([waiting, Promise.resolve('still waiting')])).toBe('still waiting');
  });

  it('forgets who stopped waiting', async () => {
    const { sut, first } = await busy();
    const caller = new AbortController();
    const second = sut.stream('big', { signal: caller.signal });
    await new Promise(resolve => setImmediate(resolve));

    caller.abort(new CodedError('DEADLINE_EXCEEDED', 'too late'));
    await expect(second).rejects.toMatchObject({ reason: 'DEADLINE_EXCEEDED' });
    first.close();

    expect(sut.registry.get('big').idle).toBe(true);
    await expect(sut.stream('big')).resolves.toBeDefined();
  });

  it('refuses at once what cannot begin before its deadline', async () => {
    const { sut, first } = await busy();
    first.observe(10, 10_000);

    await expect(sut.stream('big', { remainingMs: 1_000 })).rejects.toMatchObject({
      reason: 'DEADLINE_EXCEEDED',
      metadata: { stage: 'QUEUE' },
    });
    first.produced(9);
    const third = sut.stream('big', { remainingMs: 5_000 });
    first.close();
    await expect(third).resolves.toBeDefined();
  });

  it('takes nobody who comes while it is being unloaded', async () => {
    const { sut } = await busy();
    const second = sut.stream('big');
    const unloading = sut.unload('big', { force: true });

    await expect(second).rejects.toMatchObject({ reason: 'MODEL_UNLOADING' });
    await unloading;
  });

  it('gives the sequence back when a stream is aborted, even if nobody reads it', async () => {
    const { sut, first } = await busy();
    const second = sut.stream('big');
    await new Promise(resolve => setImmediate(resolve));
    const unloading = sut.unload('big', { force: true });

    await expect(second).rejects.toMatchObject({ reason: 'MODEL_UNLOADED' });
    await unloading;
    expect(first.target.idle).toBe(true);
  });
});

describe('the expected wait', () => {
  it.each([
    [[10], [], 1_000],
    [[10, 4], [], 400],
    [[10, 4], [20], 1_000],
    [[0], [], 0],
  ])('for running %j and queued %j at ten tokens a second is %i ms', (running, queued, wait) => {
    expect(expectedWaitMs(running, queued, 10)).toBe(wait);
  });
});

describe('the draft of a stream', () => {
  it('is the default, the named one, or none', async () => {
    const sut = new RegistryUnderTest(new FakeEngine());
    await sut.load('big');
    await sut.load('small', { draftFor: 'big' });
    await sut.load('other');

    const drafts = [{}, { draftModel: 'models/other' }, { draftModel: '' }].map(wish =>
      sut.stream('big', wish),
    );

    expect((await Promise.all(drafts)).map(({ effective }) => effective)).toEqual([
      expect.objectContaining({ active: true, draftModel: 'models/small', maxDraftTokens: 4 }),
      expect.objectContaining({ active: true, draftModel: 'models/other' }),
      expect.objectContaining({
        active: true,
        sources: [DraftSource.NGRAM],
        offReason: SpeculationOffReason.UNSPECIFIED,
      }),
    ]);
  });

  it('is none where only other sources are allowed, and nothing where only it is', async () => {
    const sut = new RegistryUnderTest(new FakeEngine());
    await sut.load('big');
    await sut.load('small', { draftFor: 'big' });

    const copying = await sut.stream('big', { sources: [DraftSource.NGRAM] });
    const drafting = await sut.stream('big', { sources: [DraftSource.DRAFT_MODEL] });
    const neither = { draftModel: '', sources: [DraftSource.DRAFT_MODEL] };

    expect(copying.effective).toMatchObject({ draftModel: '', sources: [DraftSource.NGRAM] });
    expect(drafting.spec).toMatchObject({ draftModel: 'models/small', ngram: false });
    expect((await sut.stream('big', neither)).effective).toMatchObject({
      active: false,
      offReason: SpeculationOffReason.NO_SOURCE,
    });
  });

  it('overlaps where it computes on another device, unless the request says otherwise', async () => {
    const sut = new RegistryUnderTest(new FakeEngine());
    await sut.load('big');
    await sut.load('small', { draftFor: 'big' });

    const overlaps = ['auto', 'on', 'off'] as const;
    const streams = await Promise.all(overlaps.map(overlap => sut.stream('big', { overlap })));
    expect(streams.map(({ effective }) => effective.overlap)).toEqual([false, true, false]);
  });

  it('is off by mode', async () => {
    const sut = new RegistryUnderTest(new FakeEngine());
    await sut.load('big');
    await sut.load('small', { draftFor: 'big' });

    expect((await sut.stream('big', { mode: 'off', required: true })).effective).toMatchObject({
      active: false,
      offReason: SpeculationOffReason.DISABLED,
      mode: 'SPECULATION_MODE_OFF',
      draftModel: '',
      maxDraftTokens: 0,
    });
  });

  const mismatch = { match: false, kind: 'BOS', targetValue: '1', draftValue: '2' } as const;
  const rigid = new FakeEngine({
    loaded: spec => ({
      info: { ...loadedModel(spec).info, canSpeculate: spec.model !== 'models/small' },
    }),
  });

  it.each([
    ['DRAFT_NOT_FOUND', 'MODEL_NOT_FOUND', 'gone', new FakeEngine()],
    ['VOCAB_MISMATCH', 'VOCAB_MISMATCH', 'small', new FakeEngine({ comparePair: () => mismatch })],
    ['UNSUPPORTED_MEMORY_TYPE', 'UNSUPPORTED_MEMORY_TYPE', 'small', rigid],
    ['DRAFT_BUSY', 'SPECULATION_UNAVAILABLE', 'busy', new FakeEngine()],
  ])(
    'that is %s fails a stream that requires it, and no other',
    async (off, reason, id, engine) => {
      const sut = new RegistryUnderTest(engine);
      await sut.load('big');
      await sut.load('small');
      await sut.load('busy', ONE);
      await sut.stream('busy');
      const draftModel = `models/${id}`;

      const plain = await sut.stream('big', { draftModel });

      expect(plain.effective).toMatchObject({
        active: true,
        sources: [DraftSource.NGRAM],
        offReason: `SPECULATION_OFF_REASON_${off}`,
        detail: expect.stringContaining(id),
      });
      expect(plain.spec.draftModel).toBeUndefined();
      await expect(sut.stream('big', { draftModel, required: true })).rejects.toMatchObject({
        reason,
      });
      expect(sut.registry.get('big').generations.size).toBe(1);
    },
  );

  it('that is loading is not ready', async () => {
    const engine = new FakeEngine({
      onLoad: ({ model }) => (model === 'models/small' ? new Promise(() => undefined) : undefined),
    });
    const sut = new RegistryUnderTest(engine);
    await sut.load('big');
    await sut.begin('small');
    const draftModel = 'models/small';

    expect((await sut.stream('big', { draftModel })).effective.offReason).toBe(
      SpeculationOffReason.DRAFT_NOT_READY,
    );
    await expect(sut.stream('big', { draftModel, required: true })).rejects.toMatchObject({
      reason: 'MODEL_NOT_READY',
    });
  });

  it('counts among the streams of both models', async () => {
    const sut = new RegistryUnderTest(new FakeEngine());
    await sut.load('big');
    await sut.load('small', { draftFor: 'big' });

    const stream = await sut.stream('big');
    const views = () => sut.registry.records.map(record => sut.registry.view(record));

    expect(views()).toMatchObject([{ activeGenerations: 1 }, { activeDrafts: 1 }]);
    stream.close();
    expect(views()).toMatchObject([{ activeGenerations: 0 }, { activeDrafts: 0 }]);
  });
});
