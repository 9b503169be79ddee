import { describe, expect, it } from '@jest/globals';
import { FakeEngine } from '../../support/fake-engine.js';
import { drained, RegistryUnderTest } from './registry-under-test.js';

async function pairInUse(use: 'generation' | 'draft') {
  const engine = new FakeEngine();
  const sut = new RegistryUnderTest(engine);
  await sut.load('big');
  await sut.load('small', { draftFor: 'big' });
  const stream = await sut.stream('big');
  const name = use === 'generation' ? 'big' : 'small';
  return { engine, sut, stream, name };
}

describe('unloading a model on which a stream generates', () => {
  it.each([
    ['plainly', {}],
    ['with detach', { detach: true }],
    ['with a drain that does not suffice', { drainTimeoutMs: 5 }],
  ])('%s is refused, and it serves on', async (_title, options) => {
    const { sut, name, engine } = await pairInUse('generation');

    await expect(sut.unload(name, options)).rejects.toMatchObject({
      reason: 'MODEL_IN_USE',
      metadata: { generations: '1', drafts: '0' },
    });
    expect(sut.stateOf(name)).toBe('READY');
    expect(engine.unloads).toEqual([]);
  });

  it('with a drain waits for the stream, taking no new one', async () => {
    const { sut, name, stream } = await pairInUse('generation');
    const unloading = sut.unload(name, { drainTimeoutMs: 60_000 });

    expect(sut.stateOf(name)).toBe('DRAINING');
    expect(() => sut.stream(name)).toThrow(expect.objectContaining({ reason: 'MODEL_UNLOADING' }));
    stream.close();

    expect(await unloading).toMatchObject({ abortedGenerations: 0, detachedGenerations: 0 });
    expect(sut.stateOf(name)).toBeUndefined();
  });

  it.each([{ force: true }, { force: true, drainTimeoutMs: 5 }])(
    'with %j ends the stream',
    async options => {
      const { sut, name, stream, engine } = await pairInUse('generation');

      expect(await sut.unload(name, options)).toMatchObject({
        abortedGenerations: 1,
        detachedGenerations: 0,
        freed: [{ device: 'cpu', totalBytes: 1000 }],
      });
      expect(stream.signal.reason).toMatchObject({ reason: 'MODEL_UNLOADED' });
      expect(engine.unloads).toEqual(['models/big']);
    },
  );

  it('serves those in the queue before a drain ends', async () => {
    const sut = new RegistryUnderTest(new FakeEngine());
    await sut.load('big', { options: { parallelSequences: 1 } });
    const first = await sut.stream('big');
    const second = sut.stream('big');
    await Promise.resolve();

    const unloading = sut.unload('big', { drainTimeoutMs: 60_000 });
    first.close();
    const served = await second;
    served.close();

    await unloading;
    expect(sut.stateOf('big')).toBeUndefined();
  });
});

describe('unloading a model that only drafts for a stream', () => {
  it.each([
    ['plainly', {}],
    ['with a drain that does not suffice', { drainTimeoutMs: 5 }],
  ])('%s is refused, and it drafts on', async (_title, options) => {
    const { sut, name, stream, engine } = await pairInUse('draft');

    await expect(sut.unload(name, options)).rejects.toMatchObject({
      reason: 'MODEL_IN_USE',
      metadata: { generations: '0', drafts: '1' },
    });
    expect(sut.stateOf(name)).toBe('READY');
    expect(engine.detached).toEqual([]);
    expect(stream.signal.aborted).toBe(false);
  });

  it.each([{ detach: true }, { force: true }, { force: true, drainTimeoutMs: 5 }])(
    'with %j lets the stream go on without it',
    async options => {
      const { sut, name, stream, engine } = await pairInUse('draft');

      expect(await sut.unload(name, options)).toMatchObject({
        abortedGenerations: 0,
        detachedGenerations: 1,
      });
      expect(engine.detached).toEqual([stream.id]);
      expect(engine.unloads).toEqual(['models/small']);
      expect(stream.signal.aborted).toBe(false);
      expect(sut.registry.view(sut.registry.get('big')).defaultDraft).toBeUndefined();
    },
  );

  it('with a drain waits for the stream', async () => {
    const { sut, name, stream } = await pairInUse('draft');
    const unloading = sut.unload(name, { drainTimeoutMs: 60_000 });

    stream.close();

    expect(await unloading).toMatchObject({ detachedGenerations: 0 });
  });
});

describe('unloading', () => {
  it('an idle model frees it and tells what came back', async () => {
    const sut = new RegistryUnderTest(new FakeEngine());
    await sut.load('big');

    expect(await sut.unload('models/big')).toMatchObject({ freed: [{ totalBytes: 1000 }] });
    await expect(sut.unload('big')).rejects.toMatchObject({ reason: 'MODEL_NOT_FOUND' });
  });

  it('a model that is loading ends the load', async () => {
    const engine = new FakeEngine({ onLoad: () => new Promise(() => undefined) });
    const sut = new RegistryUnderTest(engine);
    const loading = drained(await sut.begin('big'));

    expect(await sut.unload('big')).toMatchObject({ freed: [] });
    await expect(loading).rejects.toMatchObject({ reason: 'MODEL_UNLOADED' });
    expect(sut.registry.records).toEqual([]);
  });

  it('stops when its caller leaves during the drain, and the model serves on', async () => {
    const { sut, name } = await pairInUse('generation');
    const caller = new AbortController();
    const unloading = sut.unload(name, { drainTimeoutMs: 60_000, signal: caller.signal });

    caller.abort();

    await expect(unloading).rejects.toMatchObject({ reason: 'CANCELLED' });
    expect(sut.stateOf(name)).toBe('READY');
  });
});
