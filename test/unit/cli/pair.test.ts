import { resolve } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import { MODEL_FLAGS } from '../../../server/src/cli/flags/model-flags.js';
import { embeddedNote, modelPair, type PairOptions } from '../../../server/src/cli/pair.js';
import { settingsOf } from './settings-of.js';

describe('a pair of models', () => {
  it('has ids from the file names, and the draft names its target', async () => {
    const { target, draft } = await pairOf(['-m', '/data/Big.v1.gguf', '-md', 'small.GGUF']);

    expect(target).toMatchObject({ modelId: 'Big.v1', draftFor: '' });
    expect(draft).toMatchObject({ modelId: 'small', draftFor: 'models/Big.v1' });
  });

  it('has the ids of its aliases', async () => {
    const { target, draft } = await pairOf([
      '-m',
      'x.gguf',
      '-a',
      'b',
      '-md',
      'y.gguf',
      '-ad',
      's',
    ]);

    expect([target.modelId, draft?.modelId]).toEqual(['b', 's']);
    expect(draft?.draftFor).toBe('models/b');
  });

  it('has two ids when both files are called the same', async () => {
    const { target, draft } = await pairOf(['-m', 'a/model.gguf', '-md', 'b/model.gguf']);

    expect([target.modelId, draft?.modelId]).toEqual(['model', 'model-draft']);
  });

  it('leaves the placement of a draft without device flags to its role', async () => {
    const { draft } = await pairOf(['-m', 'big.gguf', '-md', 'small.gguf', '-dev', 'CUDA0']);

    expect(draft?.placement).toBeUndefined();
  });

  it('has no draft unless one is named', async () => {
    const { target, draft, embedded } = await pairOf(['-m', 'big.gguf']);

    expect(target.modelId).toBe('big');
    expect([draft, embedded]).toEqual([undefined, false]);
  });

  it.each([
    ['hf:user/repo:Q8_0', 'uri', 'repo-Q8_0'],
    ['https://host/path/model.gguf', 'uri', 'model'],
    ['embedded:target', 'uri', 'target'],
    ['relative/model.gguf', 'path', 'model'],
  ])('knows the kind of source of %s', async (text, kind, id) => {
    const { target } = await pairOf(['-m', text]);

    expect(target.source?.source).toEqual({ $case: kind, value: text });
    expect(target.modelId).toBe(id);
  });

  it('makes paths absolute where they are this process', async () => {
    const { target } = await pairOf(['-m', 'models/big.gguf'], { paths: 'ours' });

    expect(target.source?.source?.value).toBe(resolve('models/big.gguf'));
  });
});

describe('the embedded pair', () => {
  it('is taken when no model is named, with a draft that is not offloaded, and said', async () => {
    const pair = await pairOf([], { withoutModel: 'embedded' });

    expect(pair.target.source?.source?.value).toBe('embedded:target');
    expect(pair.draft?.source?.source?.value).toBe('embedded:draft');
    expect(pair.draft?.draftFor).toBe('models/target');
    expect(pair.draft?.placement?.devices).toEqual(['none']);
    expect(embeddedNote(pair)).toMatch(/embedded:draft with placement none$/);
  });

  it('goes where the flags of the draft say', async () => {
    const onDevice = await pairOf(['-devd', 'CUDA0'], { withoutModel: 'embedded' });
    const byLayers = await pairOf(['-ngld', 'all'], { withoutModel: 'embedded' });

    expect(onDevice.draft?.placement?.devices).toEqual(['CUDA0']);
    expect(byLayers.draft?.placement?.devices).toEqual([]);
  });

  it('is not mentioned when models are named', async () => {
    expect(embeddedNote(await pairOf(['-m', 'big.gguf']))).toBeUndefined();
  });
});

describe('model flags that miss their model', () => {
  it.each([
    [['-md', 'small.gguf'], '--model-draft needs --model'],
    [[], '--model is missing'],
    [['-m', 'big.gguf', '-ngld', '4'], '--gpu-layers-draft needs --model-draft'],
    [['-m', 'big.gguf', '-ad', 'small'], '--alias-draft needs --model-draft'],
    [['-m', 'My Model.gguf'], '"My Model.gguf" does not make a model id'],
  ])('are refused: %j', async (argv, complaint) => {
    await expect(pairOf(argv)).rejects.toThrow(complaint);
  });

  it('are left alone when the environment sets them for other commands', async () => {
    const settings = await settingsOf(MODEL_FLAGS, ['-m', 'big.gguf'], {
      OUTRIDER_THREADS_DRAFT: '1',
    });

    const { draft } = modelPair(settings, { paths: 'ours', withoutModel: 'refuse' });

    expect(draft).toBeUndefined();
  });
});

async function pairOf(argv: readonly string[], options: Partial<PairOptions> = {}) {
  const settings = await settingsOf(MODEL_FLAGS, argv);
  return modelPair(settings, { paths: 'server', withoutModel: 'refuse', ...options });
}
