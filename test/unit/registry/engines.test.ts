import { describe, expect, it } from '@jest/globals';
import { PlanModelRequest, SpeculationOffReason } from '@outrider/sdk/proto';
import { CodedError } from '../../../server/src/coded-error.js';
import { FakeEngine, gpuDevice } from '../../support/fake-engine.js';
import { drained, RegistryUnderTest } from './registry-under-test.js';

const OTHER = { engine: 'other' } as const;

/** `big` in the default engine, `far` in another one. */
async function apart() {
  const engine = new FakeEngine();
  const sut = new RegistryUnderTest(engine);
  await sut.load('big');
  await sut.load('far', OTHER);
  const [other] = sut.others;
  if (other === undefined) throw new Error('no other engine was made');
  return { engine, other, sut };
}

function names(sut: RegistryUnderTest): string[] {
  return sut.engines.all.map(({ name }) => name);
}

describe('a model that asks for an engine of its own', () => {
  it('is loaded into a process that is made for it, and says so', async () => {
    const { engine, other, sut } = await apart();

    expect(names(sut)).toEqual(['default', 'other']);
    expect(engine.loads.map(({ model }) => model)).toEqual(['models/big']);
    expect(other.loads.map(({ model }) => model)).toEqual(['models/far']);
    expect(sut.registry.view(sut.registry.get('far')).engine).toBe('other');
    expect(sut.registry.view(sut.registry.get('big')).engine).toBe('default');
  });

  it('shares it with others of that name, and they may pair', async () => {
    const { sut, other } = await apart();

    await sut.load('near', { ...OTHER, draftFor: 'far' });

    expect(sut.others).toHaveLength(1);
    expect(other.loads).toHaveLength(2);
    expect((await sut.stream('far')).effective.draftModel).toBe('models/near');
  });

  it('takes the process with it when it was the last one there', async () => {
    const { sut, other } = await apart();
    await sut.load('near', OTHER);

    await sut.unload('far');
    expect(other.closed).toBe(false);
    await sut.unload('near');

    expect(other.closed).toBe(true);
    expect(names(sut)).toEqual(['default']);
    await sut.load('far', OTHER);
    expect(sut.others).toHaveLength(2);
  });

  it('leaves no process when its load fails', async () => {
    const onLoad = () => {
      throw new CodedError('BAD_MODEL_FILE', 'truncated');
    };
    const sut = new RegistryUnderTest(new FakeEngine(), 2, async () => new FakeEngine({ onLoad }));

    await expect(sut.load('far', OTHER)).rejects.toMatchObject({ reason: 'BAD_MODEL_FILE' });
    expect(names(sut)).toEqual(['default']);
    expect(sut.others[0]?.closed).toBe(true);
  });

  it('is refused with the reason when the process does not start', async () => {
    const sut = new RegistryUnderTest(new FakeEngine(), 2, async () => {
      throw new CodedError('ENGINE_ERROR', 'no library');
    });

    await expect(sut.load('far', OTHER)).rejects.toMatchObject({ reason: 'ENGINE_ERROR' });
    expect(sut.stateOf('far')).toBeUndefined();
  });

  it('is told which libraries its devices need', async () => {
    const asked: unknown[] = [];
    const sut = new RegistryUnderTest(new FakeEngine(), 2, async (name, variant) => {
      asked.push([name, variant]);
      return new FakeEngine({ devices: [gpuDevice('Vulkan0'), gpuDevice('CUDA0')] });
    });

    await sut.load('far', { ...OTHER, placement: { devices: ['vulkan0'] } });
    await sut.load('fast', { engine: 'third', placement: { devices: ['CUDA0'] } });
    await sut.load('near', { engine: 'fourth', placement: { devices: ['none'] } });

    expect(asked).toEqual([
      ['other', 'vulkan'],
      ['third', 'cuda'],
      ['fourth', undefined],
    ]);
    expect(sut.others[0]?.loads[0]?.placement.devices).toEqual(['Vulkan0']);
  });

  it('is planned with the libraries that it needs, and leaves no process behind', async () => {
    const sut = new RegistryUnderTest(
      new FakeEngine(),
      2,
      async () => new FakeEngine({ devices: [gpuDevice('Vulkan0')] }),
    );
    const source = { source: { $case: 'uri', value: 'embedded:target' } } as const;
    const target = { source, ...OTHER, placement: { devices: ['Vulkan0'] } };
    const plan = () =>
      sut.registry.plan(PlanModelRequest.fromPartial({ target }), new AbortController().signal);

    expect((await plan()).target?.placement?.devices).toEqual(['Vulkan0']);
    expect(names(sut)).toEqual(['default']);
    expect(sut.others[0]?.closed).toBe(true);
    await sut.load('far', { ...OTHER, placement: { devices: ['Vulkan0'] } });
    await plan();
    expect(names(sut)).toEqual(['default', 'other']);
    expect(sut.others).toHaveLength(2);
  });

  it('shares one process with another load that began at the same time', async () => {
    const sut = new RegistryUnderTest(new FakeEngine());

    await Promise.all([sut.load('a', OTHER), sut.load('b', OTHER)]);

    expect(sut.others).toHaveLength(1);
  });

  it('is another request than one for the default engine', async () => {
    const { sut } = await apart();

    await expect(sut.load('far')).rejects.toMatchObject({
      reason: 'MODEL_EXISTS',
      metadata: { differs: 'engine' },
    });
    await expect(sut.load('big', { engine: 'default' })).resolves.toBeDefined();
  });

  it('moves there when it is replaced, and the old process ends', async () => {
    const { sut, other } = await apart();

    await sut.load('far', { engine: 'third', replace: true });

    expect(other.unloads).toEqual(['models/far']);
    expect(names(sut)).toEqual(['default', 'third']);
    expect(sut.registry.view(sut.registry.get('far')).engine).toBe('third');
  });
});

describe('a draft in another engine than its target', () => {
  it('is refused by draft_for before it is loaded', async () => {
    const { sut } = await apart();

    await expect(sut.load('small', { ...OTHER, draftFor: 'big' })).rejects.toMatchObject({
      reason: 'ENGINE_MISMATCH',
      metadata: { model: 'models/small', engine: 'other', target_engine: 'default' },
    });
    expect(sut.others[0]?.loads).toHaveLength(1);
    expect(sut.stateOf('small')).toBeUndefined();
  });

  it('is refused as a default draft, and nothing is compared', async () => {
    const { engine, other, sut } = await apart();

    await expect(sut.registry.setDefaultDraft('big', 'far')).rejects.toMatchObject({
      reason: 'ENGINE_MISMATCH',
      metadata: { model: 'models/far' },
    });
    expect([engine.comparisons, other.comparisons]).toEqual([[], []]);
    expect(sut.registry.get('big').defaultDraft).toBeUndefined();
  });

  it('is refused when a request requires it', async () => {
    const { sut } = await apart();

    await expect(sut.stream('big', { draftModel: 'far', required: true })).rejects.toMatchObject({
      reason: 'ENGINE_MISMATCH',
    });
  });

  it('is left out with the reason under best effort', async () => {
    const { sut } = await apart();

    const { effective } = await sut.stream('big', { draftModel: 'far' });

    expect(effective).toMatchObject({
      draftModel: '',
      offReason: SpeculationOffReason.ENGINE_MISMATCH,
    });
  });

  it('cannot come about by a replacement', async () => {
    const { sut } = await apart();
    await sut.load('small', { draftFor: 'big' });
    const stream = await sut.stream('big');

    await expect(sut.load('small', { ...OTHER, replace: true })).rejects.toMatchObject({
      reason: 'ENGINE_MISMATCH',
    });
    expect(stream.draft?.home.name).toBe('default');
  });
});

describe('the death of one engine', () => {
  it('ends its streams and reloads its models, and no others', async () => {
    const { engine, other, sut } = await apart();
    const [stays, ends] = [await sut.stream('big'), await sut.stream('far')];

    other.die('SIGABRT');

    expect([sut.stateOf('big'), sut.stateOf('far')]).toEqual(['READY', 'RELOADING']);
    expect(stays.signal.aborted).toBe(false);
    expect(ends.signal.reason).toMatchObject({
      reason: 'ENGINE_RESTARTED',
      metadata: { engine: 'other', last_exit: 'SIGABRT' },
    });
    other.restart();
    await sut.until('far', 'READY');
    expect(engine.loads).toHaveLength(1);
    expect(other.loads).toHaveLength(2);
  });

  it('of the default one does not touch the others either', async () => {
    const { engine, other, sut } = await apart();
    const stays = await sut.stream('far');

    engine.die();

    expect([sut.stateOf('big'), sut.stateOf('far')]).toEqual(['RELOADING', 'READY']);
    expect(stays.signal.aborted).toBe(false);
    engine.restart();
    await sut.until('big', 'READY');
    expect(other.loads).toHaveLength(1);
  });

  it('three times within a minute fails the model at work there alone', async () => {
    const { other, sut } = await apart();
    await sut.stream('big');

    for (let death = 0; death < 3; death++) {
      await sut.stream('far');
      other.die();
      other.restart();
      await sut.until('far', death < 2 ? 'READY' : 'FAILED');
    }

    expect(sut.registry.get('far').failure).toMatchObject({ reason: 'MODEL_CRASHED_ENGINE' });
    expect(sut.stateOf('big')).toBe('READY');
  });

  it('while a model loads there alone blames that model', async () => {
    const sut = new RegistryUnderTest(
      new FakeEngine(),
      2,
      async () => new FakeEngine({ onLoad: () => new Promise(() => undefined) }),
    );
    await sut.load('big');
    await sut.stream('big');
    const loading = drained(await sut.begin('far', OTHER));
    while ((sut.others[0]?.loads.length ?? 0) === 0) await turn();
    await turn();

    sut.others[0]?.die('SIGABRT');

    await expect(loading).rejects.toMatchObject({ reason: 'MODEL_CRASHED_ENGINE' });
    expect(sut.stateOf('big')).toBe('READY');
  });

  it('lets a model be unloaded instead of coming back, and then is final', async () => {
    const { other, sut } = await apart();
    other.die();

    await sut.unload('far');

    expect(other.closed).toBe(true);
    expect(names(sut)).toEqual(['default']);
  });
});

function turn(): Promise<void> {
  return new Promise(resolve => setImmediate(resolve));
}
