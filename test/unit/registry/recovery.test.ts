import { describe, expect, it } from '@jest/globals';
import { LoadModelRequest, ModelState } from '@outrider/sdk/proto';
import { CodedError } from '../../../server/src/coded-error.js';
import { FakeEngine } from '../../support/fake-engine.js';
import { drained, RegistryUnderTest } from './registry-under-test.js';

const RESTARTED = new CodedError('ENGINE_RESTARTED', 'gone', { retryAfterMs: 10 });

async function pair(engine = new FakeEngine()) {
  const sut = new RegistryUnderTest(engine);
  await sut.load('big');
  await sut.load('small', { draftFor: 'big' });
  return { engine, sut };
}

describe('after the engine has died', () => {
  it('models return under their names, with their pairings', async () => {
    const { engine, sut } = await pair();
    const before = engine.loads.slice();

    engine.die();
    expect([sut.stateOf('big'), sut.stateOf('small')]).toEqual(['RELOADING', 'RELOADING']);
    engine.restart();
    await sut.until('small', 'READY');

    expect(engine.loads.slice(2)).toEqual(before);
    expect(sut.registry.view(sut.registry.get('big')).defaultDraft).toMatchObject({
      draftModel: 'models/small',
      available: true,
    });
    expect((await sut.stream('big')).effective.active).toBe(true);
  });

  it('who waited in a queue hears of it, and new requests are told to come back', async () => {
    const engine = new FakeEngine();
    const sut = new RegistryUnderTest(engine);
    await sut.load('big', { options: { parallelSequences: 1 } });
    await sut.stream('big');
    const waiting = sut.stream('big');
    await new Promise(resolve => setImmediate(resolve));

    engine.die('exit 1');

    await expect(waiting).rejects.toMatchObject({
      reason: 'ENGINE_RESTARTED',
      retryAfterMs: expect.any(Number),
    });
    expect(() => sut.registry.ready('big')).toThrow(
      expect.objectContaining({ reason: 'MODEL_NOT_READY', retryAfterMs: expect.any(Number) }),
    );
  });

  it('a stream that nobody reads on holds no sequence', async () => {
    const { engine, sut } = await pair();
    const stream = await sut.stream('big');

    engine.die();

    expect(stream.signal.reason).toMatchObject({ reason: 'ENGINE_RESTARTED' });
    expect(sut.registry.records.every(record => record.idle)).toBe(true);
  });

  it('the same load request waits for the reload', async () => {
    const { engine, sut } = await pair();
    engine.die();
    const joined = sut.begin('big');

    engine.restart();

    await drained(await joined);
    expect(sut.stateOf('big')).toBe('READY');
    expect(engine.loads).toHaveLength(4);
  });

  it('a model can be unloaded instead of coming back', async () => {
    const { engine, sut } = await pair();
    engine.die();

    expect(await sut.unload('small')).toMatchObject({ freed: [] });
    engine.restart();
    await sut.until('big', 'READY');

    expect(sut.stateOf('small')).toBeUndefined();
    expect(engine.loads.map(({ model }) => model).slice(2)).toEqual(['models/big']);
  });

  it('a model whose file is gone has FAILED, and the others are there', async () => {
    let broken = false;
    const onLoad = ({ model }: { model: string }) => {
      if (broken && model === 'models/big') throw new CodedError('BAD_MODEL_FILE', 'truncated');
    };
    const { engine, sut } = await pair(new FakeEngine({ onLoad }));
    broken = true;

    engine.die();
    engine.restart();
    await sut.until('small', 'READY');

    expect(sut.registry.view(sut.registry.get('big'))).toMatchObject({
      state: ModelState.FAILED,
      stateError: { reason: 'BAD_MODEL_FILE' },
    });
  });
});

describe('a model at work when the engine dies', () => {
  /** The engine dies under a stream on `big`, and comes back. */
  async function deathAtWork(engine: FakeEngine, sut: RegistryUnderTest) {
    const stream = await sut.stream('big', { mode: 'off' });
    engine.die();
    stream.failed(RESTARTED);
    stream.close();
    engine.restart();
    await sut.until('small', 'READY');
  }

  it('three times within a minute has FAILED, and idle ones have not', async () => {
    const { engine, sut } = await pair();

    await deathAtWork(engine, sut);
    await deathAtWork(engine, sut);
    expect(sut.stateOf('big')).toBe('READY');
    await deathAtWork(engine, sut);

    expect(sut.registry.view(sut.registry.get('big'))).toMatchObject({
      state: ModelState.FAILED,
      stateError: { reason: 'MODEL_CRASHED_ENGINE' },
    });
    expect(sut.stateOf('small')).toBe('READY');
    await expect(sut.load('big')).resolves.toMatchObject({ state: ModelState.READY });
  });

  it('three times in longer than a minute comes back', async () => {
    const { engine, sut } = await pair();

    for (const nowMs of [0, 30_000, 61_000]) {
      sut.nowMs = nowMs;
      await deathAtWork(engine, sut);
    }

    expect(sut.stateOf('big')).toBe('READY');
  });

  it('whose reload ends the engine every time has FAILED after three, however long each takes', async () => {
    let lethal = false;
    const onLoad = ({ model }: { model: string }) =>
      lethal && model === 'models/big' ? new Promise<void>(() => undefined) : undefined;
    const { engine, sut } = await pair(new FakeEngine({ onLoad }));
    lethal = true;

    engine.die();
    const loadsOfBig = () => engine.loads.filter(({ model }) => model === 'models/big').length;
    for (const loads of [2, 3, 4]) {
      sut.nowMs += 61_000;
      engine.restart();
      while (loadsOfBig() < loads) await settled();
      await settled();
      engine.die('SIGABRT');
      await settled();
    }
    engine.restart();
    await sut.until('small', 'READY');

    expect(sut.registry.view(sut.registry.get('big'))).toMatchObject({
      state: ModelState.FAILED,
      stateError: { reason: 'MODEL_CRASHED_ENGINE' },
    });
    expect(loadsOfBig()).toBe(4);
  });

  it('whose reload went well in between comes back after every death', async () => {
    const onLoad = () => (lethal ? new Promise<void>(() => undefined) : undefined);
    let lethal = false;
    const engine = new FakeEngine({ onLoad });
    const sut = new RegistryUnderTest(engine);
    await sut.load('big');

    for (let round = 0; round < 4; round++) {
      sut.nowMs += 61_000;
      lethal = true;
      engine.die();
      engine.restart();
      await loadsBegun(engine, 2 + 2 * round);
      engine.die();
      await settled();
      lethal = false;
      engine.restart();
      await sut.until('big', 'READY');
    }

    expect(sut.stateOf('big')).toBe('READY');
  });

  it('is blamed when it was being loaded alone, and leaves no model', async () => {
    const engine = new FakeEngine({ onLoad: () => new Promise(() => undefined) });
    const sut = new RegistryUnderTest(engine);
    const loading = drained(await sut.begin('big'));
    await loadsBegun(engine, 1);

    engine.die('SIGABRT');

    await expect(loading).rejects.toMatchObject({
      reason: 'MODEL_CRASHED_ENGINE',
      metadata: { model: 'models/big', last_exit: 'SIGABRT' },
    });
    expect(sut.registry.records).toEqual([]);
  });

  it('is not blamed when it was loaded beside another at work', async () => {
    const engine = new FakeEngine({
      onLoad: ({ model }) => (model === 'models/new' ? new Promise(() => undefined) : undefined),
    });
    const sut = new RegistryUnderTest(engine);
    await sut.load('big');
    await sut.stream('big');
    const loading = drained(await sut.begin('new'));
    await loadsBegun(engine, 2);

    engine.die();

    await expect(loading).rejects.toMatchObject({ reason: 'ENGINE_RESTARTED' });
  });

  it('as a start-up model is tried again, three times', async () => {
    const engine = new FakeEngine({
      onLoad: () => {
        setImmediate(() => {
          engine.die();
          setImmediate(() => engine.restart());
        });
        return new Promise(() => undefined);
      },
    });
    const sut = new RegistryUnderTest(engine);
    const request = LoadModelRequest.fromPartial({
      modelId: 'big',
      source: { source: { $case: 'uri', value: 'embedded:target' } },
    });

    await expect(sut.registry.loadAtStart(request, { trusted: true })).rejects.toMatchObject({
      reason: 'MODEL_CRASHED_ENGINE',
    });
    expect(engine.loads).toHaveLength(3);
    expect(sut.stateOf('big')).toBe('FAILED');
  });
});

async function loadsBegun(engine: FakeEngine, count: number): Promise<void> {
  while (engine.loads.length < count) await settled();
  await settled();
}

function settled(): Promise<void> {
  return new Promise(resolve => setImmediate(resolve));
}
