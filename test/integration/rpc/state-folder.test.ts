import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import { Served } from './served.js';
import { listed, load, StateFolder } from './state-folder.js';

const state = new StateFolder();

describe('a server that owns a state folder', () => {
  it('has the change on the disk when the caller hears of it', async () => {
    await using served = await state.start();

    await load(served, 'extra');
    expect(JSON.parse(state.file())).toMatchObject({ version: 1, models: [{ modelId: 'extra' }] });
    await served.models.unloadModel({ name: 'extra' });
    expect(JSON.parse(state.file())).toMatchObject({ models: [] });
  });

  it.each([
    ['half a file', '{"format": "outrider-mod'],
    ['another file', '{"name": "x"}'],
    [
      'a file of a later version',
      '{"format":"outrider-models","version":2,"models":[],"drafts":{}}',
    ],
    [
      'a field that is not known',
      '{"format":"outrider-models","version":1,"models":[{"modelId":"a","gpu":1}],"drafts":{}}',
    ],
    [
      'a model that no client could ask for',
      '{"format":"outrider-models","version":1,"models":[{"modelId":"../x"}],"drafts":{}}',
    ],
  ])('sets aside %s, says so, and starts', async (_what, text) => {
    writeFileSync(join(state.path, 'models.json'), text);

    await using served = await state.start();
    await load(served, 'extra');

    expect(served.log.find(({ aside }) => aside !== undefined)).toMatchObject({ level: 50 });
    const aside =
      readdirSync(state.path).find(name => name.startsWith('models.json.unusable-')) ?? '';
    expect(readFileSync(join(state.path, aside), 'utf8')).toBe(text);
    expect(state.file()).toContain('extra');
  });

  it('loads, and says so in its log, where it cannot remember', async () => {
    await using served = await state.start();
    mkdirSync(join(state.path, 'models.json.new'));

    await load(served, 'extra');

    expect(served.log.filter(({ msg }) => msg === 'models cannot be remembered')).toEqual([
      expect.objectContaining({ level: 50, path: state.path, why: expect.any(String) }),
    ]);
  });

  it('refuses a second server on its folder, and lets one follow', async () => {
    {
      await using first = await state.start();
      expect(await listed(first)).toHaveLength(1);
      await expect(state.start()).rejects.toMatchObject({
        reason: 'INVALID_FIELD',
        violations: [{ field: 'stateDir' }],
      });
    }
    await using second = await state.start();
    expect(await listed(second)).toEqual(['models/big READY -']);
  });

  it('gives the folder back when it cannot start', async () => {
    await using running = await Served.ready({ models: state.models });
    const port = Number(running.server.address.split(':')[1]);
    await expect(
      Served.ready({ models: state.models, stateDir: state.path, port }),
    ).rejects.toThrow();

    await using served = await state.start();

    expect(await listed(served)).toHaveLength(1);
  });
});
