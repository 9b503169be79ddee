import { mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { ModelState, UnavailablePolicy } from '@outrider/sdk/proto';
import { CodedError } from '../../../server/src/coded-error.js';
import { resolveSource } from '../../../server/src/registry/source.js';
import { FakeEngine } from '../../support/fake-engine.js';
import { drained, gate, RegistryUnderTest } from './registry-under-test.js';

const DRAFT = { source: { source: { $case: 'uri', value: 'embedded:draft' } } } as const;

describe('loading a model', () => {
  it('tells stages in order, each from 0 to 1, and ends READY', async () => {
    const sut = new RegistryUnderTest(new FakeEngine());
    const loading = await sut.begin('big');

    expect(await drained(loading)).toEqual([
      'RESOLVING 0',
      'RESOLVING 1',
      'LOADING 0',
      'LOADING 1',
      'WARMING_UP 0',
      'WARMING_UP 1',
    ]);
    expect(sut.registry.view(loading.record)).toMatchObject({
      name: 'models/big',
      state: ModelState.READY,
      placement: { measured: true },
      engine: 'default',
    });
  });

  it('loads once when the same request comes again, before or after the end', async () => {
    const engine = new FakeEngine();
    const sut = new RegistryUnderTest(engine);
    const [first, second] = await Promise.all([sut.begin('big'), sut.begin('big')]);

    const told = await Promise.all([drained(first), drained(second)]);
    await sut.load('big', { detached: true });

    expect(engine.loads).toHaveLength(1);
    expect(told[1]).toEqual(told[0]);
    expect(second.record).toBe(first.record);
  });

  it('refuses other settings under the same id, and names the fields', async () => {
    const sut = new RegistryUnderTest(new FakeEngine());
    await sut.load('big');

    const other = { ...DRAFT, options: { contextLength: 32 }, placement: { devices: ['none'] } };

    await expect(sut.load('big', other)).rejects.toMatchObject({
      reason: 'MODEL_EXISTS',
      metadata: { differs: 'options.context_length,placement.devices[0],source.uri' },
    });
  });

  it('is given up when the only caller leaves', async () => {
    const engine = new FakeEngine({ onLoad: () => new Promise(() => undefined) });
    const sut = new RegistryUnderTest(engine);
    const caller = new AbortController();
    const loading = drained(await sut.begin('big', {}, caller.signal));

    caller.abort(new CodedError('CANCELLED', 'left'));

    await expect(loading).rejects.toMatchObject({ reason: 'CANCELLED' });
    await sut.until('big', undefined);
    expect(sut.registry.records).toEqual([]);
  });

  it.each([
    ['another caller has joined it', {}, { detached: false }],
    ['it is detached', { detached: true }, undefined],
    ['the one who joined it detached it', {}, { detached: true }],
  ])('goes on without its caller when %s', async (_title, first, second) => {
    const load = gate();
    const sut = new RegistryUnderTest(new FakeEngine({ onLoad: () => load.opened }));
    const [one, two] = [new AbortController(), new AbortController()];
    const loading = drained(await sut.begin('big', first, one.signal));
    const joined = second && drained(await sut.begin('big', second, two.signal));

    one.abort(new CodedError('CANCELLED', 'left'));
    await expect(loading).rejects.toMatchObject({ reason: 'CANCELLED' });
    load.open();

    await joined;
    await sut.until('big', 'READY');
    expect(sut.stateOf('big')).toBe('READY');
  });

  it('can begin anew right after it was given up', async () => {
    const begun = gate();
    let loads = 0;
    const onLoad = () => {
      begun.open();
      loads += 1;
      return loads === 1 ? new Promise<void>(() => undefined) : undefined;
    };
    const sut = new RegistryUnderTest(new FakeEngine({ onLoad }));
    const caller = new AbortController();
    const first = drained(await sut.begin('big', {}, caller.signal));
    await begun.opened;
    caller.abort(new CodedError('CANCELLED', 'left'));

    const second = sut.load('big');

    await expect(first).rejects.toMatchObject({ reason: 'CANCELLED' });
    expect((await second).state).toBe(ModelState.READY);
  });

  it('leaves no model when it fails', async () => {
    const failure = new CodedError('INSUFFICIENT_DEVICE_MEMORY', 'no room');
    const sut = new RegistryUnderTest(new FakeEngine({ onLoad: () => Promise.reject(failure) }));

    await expect(sut.load('big')).rejects.toBe(failure);
    expect(sut.registry.records).toEqual([]);
  });

  it('checks devices before anything is loaded', async () => {
    const engine = new FakeEngine();
    const sut = new RegistryUnderTest(engine);

    await expect(sut.load('big', { placement: { devices: ['GPU0'] } })).rejects.toMatchObject({
      reason: 'UNKNOWN_DEVICE',
    });
    expect(engine.loads).toEqual([]);
  });
});

describe('loading a draft for a target', () => {
  it('pairs them, on the CPU, with the room of the target', async () => {
    const engine = new FakeEngine();
    const sut = new RegistryUnderTest(engine);
    const target = await sut.load('big', { options: { contextLength: 48, parallelSequences: 2 } });

    await sut.load('small', { ...DRAFT, draftFor: 'big' });

    expect(engine.loads[1]).toMatchObject({
      placement: { devices: [] },
      options: { contextLength: 48, parallelSequences: 2 },
    });
    expect(sut.registry.view(target).defaultDraft).toMatchObject({
      draftModel: 'models/small',
      available: true,
    });
  });

  it('needs a target that is there', async () => {
    const sut = new RegistryUnderTest(new FakeEngine());

    await expect(sut.load('small', { draftFor: 'models/big' })).rejects.toMatchObject({
      reason: 'MODEL_NOT_FOUND',
      metadata: { model: 'models/big' },
    });
  });

  it('frees it again when the vocabularies differ', async () => {
    const verdict = {
      match: false,
      kind: 'TOKEN',
      tokenId: 7,
      targetValue: 'a',
      draftValue: 'b',
    } as const;
    const engine = new FakeEngine({ comparePair: () => verdict });
    const sut = new RegistryUnderTest(engine);
    await sut.load('big');

    await expect(sut.load('small', { draftFor: 'big' })).rejects.toMatchObject({
      reason: 'VOCAB_MISMATCH',
      metadata: { kind: 'TOKEN', token_id: '7', target_value: 'a', draft_value: 'b' },
    });
    expect(engine.unloads).toEqual(['models/small']);
    expect(sut.stateOf('small')).toBeUndefined();
  });

  it.each(['INSUFFICIENT_DEVICE_MEMORY', 'BACKEND_UNAVAILABLE'] as const)(
    'at BEST_EFFORT ends FAILED, and the target goes on, after %s',
    async reason => {
      const onLoad = ({ model }: { model: string }) => {
        if (model === 'models/small') throw new CodedError(reason, 'cannot');
      };
      const sut = new RegistryUnderTest(new FakeEngine({ onLoad }));
      const target = await sut.load('big');

      const onUnavailable = UnavailablePolicy.BEST_EFFORT;
      const draft = await sut.load('small', { draftFor: 'big', onUnavailable });

      expect(sut.registry.view(draft)).toMatchObject({
        state: ModelState.FAILED,
        stateError: { reason },
      });
      expect(sut.registry.view(target).defaultDraft?.offReason).toBe(
        reason === 'INSUFFICIENT_DEVICE_MEMORY'
          ? 'SPECULATION_OFF_REASON_DRAFT_OUT_OF_MEMORY'
          : 'SPECULATION_OFF_REASON_DRAFT_FAILED',
      );
    },
  );

  it('compares a pair once', async () => {
    const engine = new FakeEngine();
    const sut = new RegistryUnderTest(engine);
    await sut.load('big');
    await sut.load('small', { draftFor: 'big' });

    const streams = [await sut.stream('big'), await sut.stream('big')];
    await sut.registry.setDefaultDraft('big', '');
    await sut.registry.setDefaultDraft('big', 'small');

    expect(streams.map(({ effective }) => effective.active)).toEqual([true, true]);
    expect(engine.comparisons).toEqual(['models/big models/small']);
  });
});

describe('the file of a model', () => {
  let root: string;

  beforeEach(() => {
    root = mkdtempSync(join(tmpdir(), 'outrider-source-'));
    writeFileSync(join(root, 'a.gguf'), 'GGUF and more');
    writeFileSync(join(root, 'b.gguf'), 'no');
  });

  afterEach(() => rmSync(root, { recursive: true }));

  const find = (value: string, trusted = false) =>
    resolveSource({ source: { $case: 'path', value }, sha256: '' }, { roots: [root], trusted });

  it('is found relative to a root, and by its whole path', async () => {
    expect(await find('a.gguf')).toBe(await find(join(root, 'a.gguf')));
  });

  it.each(['../x.gguf', '/etc/passwd', 'sub/../../x'])('may not be %s', async path => {
    await expect(find(path)).rejects.toMatchObject({ reason: 'PATH_OUTSIDE_ROOT' });
  });

  it('may not lie behind a link that leads out', async () => {
    symlinkSync('/etc/passwd', join(root, 'link.gguf'));

    const refusal = await find('link.gguf').catch((error: unknown) => error);

    expect(refusal).toMatchObject({
      reason: 'PATH_OUTSIDE_ROOT',
      metadata: { path: 'link.gguf' },
    });
    expect(String(refusal)).not.toContain('/etc');
  });

  it('may lie anywhere if the configuration names it', async () => {
    const elsewhere = mkdtempSync(join(tmpdir(), 'outrider-elsewhere-'));
    writeFileSync(join(elsewhere, 'c.gguf'), 'GGUF');

    await expect(find(join(elsewhere, 'c.gguf'), true)).resolves.toMatch(/c\.gguf$/);
    rmSync(elsewhere, { recursive: true });
  });

  it.each([
    ['missing.gguf', 'MODEL_FILE_NOT_FOUND'],
    ['.', 'BAD_MODEL_FILE'],
    ['b.gguf', 'BAD_MODEL_FILE'],
  ])('named %s is refused as %s', async (path, reason) => {
    await expect(find(path)).rejects.toMatchObject({ reason, metadata: { path } });
  });

  it('must have the checksum that was given', async () => {
    const sut = new RegistryUnderTest(new FakeEngine());
    const uri = { $case: 'uri', value: 'embedded:draft' } as const;

    await expect(
      sut.load('small', { source: { source: uri, sha256: '0'.repeat(64) } }),
    ).rejects.toMatchObject({
      reason: 'BAD_MODEL_FILE',
      violations: [{ field: 'source.sha256' }],
      metadata: { path: 'embedded:draft' },
    });
  });
});
