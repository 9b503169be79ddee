import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { ModelState } from '@outrider/sdk/proto';
import { CodedError } from '../../../server/src/coded-error.js';
import { FakeEngine } from '../../support/fake-engine.js';
import { embedded, failureOf, readAll, Served } from './served.js';

let folder = '';
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'outrider-remembered-'));
});
afterEach(() => rmSync(folder, { recursive: true }));

const models = [embedded('big')];
const start = (engine?: FakeEngine) => Served.ready({ models, stateDir: folder }, engine);
const load = (served: Served, ...wish: Parameters<typeof embedded>) =>
  readAll(served.models.loadModel(embedded(...wish)));
const file = () => readFileSync(join(folder, 'models.json'), 'utf8');

/** Name, state and default draft of every model, in the order of loading. */
async function listed({ models: client }: Served): Promise<string[]> {
  const { models: all } = await client.listModels({});
  return all.map(({ name, state, defaultDraft }) =>
    [name, state.replace('MODEL_STATE_', ''), defaultDraft?.draftModel ?? '-'].join(' '),
  );
}

describe('a server with a state folder', () => {
  it('loads again what clients have loaded, as they asked for it', async () => {
    {
      await using served = await start();
      await load(served, 'extra', { options: { contextLength: 256 }, detached: true });
    }
    await using served = await start();

    expect(await listed(served)).toEqual(['models/big READY -', 'models/extra READY -']);
    expect(served.engine.loads.at(-1)?.options.contextLength).toBe(256);
    // The same request finds it there.
    await load(served, 'extra', { options: { contextLength: 256 } });
    expect(served.engine.loads).toHaveLength(2);
  });

  it('forgets what is unloaded', async () => {
    {
      await using served = await start();
      await load(served, 'extra');
      await load(served, 'other');
      await served.models.unloadModel({ name: 'extra' });
    }
    await using served = await start();

    expect(await listed(served)).toEqual(['models/big READY -', 'models/other READY -']);
  });

  it('has the change on the disk when the caller hears of it', async () => {
    await using served = await start();

    await load(served, 'extra');
    expect(JSON.parse(file())).toMatchObject({ version: 1, models: [{ modelId: 'extra' }] });
    await served.models.unloadModel({ name: 'extra' });
    expect(JSON.parse(file())).toMatchObject({ models: [] });
  });

  it('remembers which draft a target has, whoever paired them', async () => {
    {
      await using served = await start();
      await load(served, 'small', { draftFor: 'big' });
      await load(served, 'tiny');
      await load(served, 'twin');
      await served.models.setDefaultDraft({ target: 'big', draft: 'tiny' });
      await served.models.setDefaultDraft({ target: 'twin', draft: 'small' });
    }
    await using served = await start();
    expect(await listed(served)).toEqual([
      'models/big READY models/tiny',
      'models/small READY -',
      'models/tiny READY -',
      'models/twin READY models/small',
    ]);

    await served.models.setDefaultDraft({ target: 'big', draft: '' });
    await served.models.unloadModel({ name: 'small' });
    await served[Symbol.asyncDispose]();
    await using again = await start();
    expect(await listed(again)).toEqual([
      'models/big READY -',
      'models/tiny READY -',
      'models/twin READY -',
    ]);
  });

  it('loads a draft after its target, which was loaded anew, and also where the target is gone', async () => {
    {
      await using served = await start();
      await load(served, 'late');
      await load(served, 'small', { draftFor: 'late' });
      await served.models.unloadModel({ name: 'late' });
      await load(served, 'late', { options: { contextLength: 256 } });
      await served.models.setDefaultDraft({ target: 'late', draft: 'small' });
    }
    {
      await using served = await start();
      expect(await listed(served)).toEqual([
        'models/big READY -',
        'models/late READY models/small',
        'models/small READY -',
      ]);
      await served.models.unloadModel({ name: 'late' });
    }
    await using served = await start();
    expect(await listed(served)).toEqual(['models/big READY -', 'models/small READY -']);
  });

  it('leaves pairings of its configuration to the configuration, unless a client changed them', async () => {
    const pair = [embedded('big'), embedded('small', { draftFor: 'big' })];
    {
      await using served = await Served.ready({ models: pair, stateDir: folder });
      await served.models.unloadModel({ name: 'small' });
      expect(await listed(served)).toEqual(['models/big READY -']);
    }
    {
      await using served = await Served.ready({ models: pair, stateDir: folder });
      expect((await listed(served))[0]).toBe('models/big READY models/small');
      await served.models.setDefaultDraft({ target: 'big', draft: '' });
    }
    await using served = await Served.ready({ models: pair, stateDir: folder });
    expect((await listed(served))[0]).toBe('models/big READY -');
  });

  it('shows what no longer loads as FAILED, is ready all the same, and tries again at the next start', async () => {
    {
      await using served = await start();
      await load(served, 'small', { draftFor: 'big' });
    }
    const gone = new CodedError('BAD_MODEL_FILE', 'truncated');
    const onLoad = ({ model }: { readonly model: string }) =>
      model === 'models/small' ? Promise.reject(gone) : undefined;
    {
      await using served = await start(new FakeEngine({ onLoad }));
      const { model } = await served.models.getModel({ name: 'small' });
      expect(model).toMatchObject({
        state: ModelState.FAILED,
        stateError: { reason: 'BAD_MODEL_FILE' },
      });
    }
    {
      await using served = await start();
      expect(await listed(served)).toEqual([
        'models/big READY models/small',
        'models/small READY -',
      ]);
    }
    {
      await using served = await start(new FakeEngine({ onLoad }));
      await served.models.unloadModel({ name: 'small' });
    }
    await using served = await start();
    expect(await listed(served)).toEqual(['models/big READY -']);
  });

  it('pairs what clients paired also where the draft has failed, and says so to requests', async () => {
    {
      await using served = await start();
      await load(served, 'small');
      await served.models.setDefaultDraft({ target: 'big', draft: 'small' });
    }
    const gone = new CodedError('BAD_MODEL_FILE', 'truncated');
    const onLoad = ({ model }: { readonly model: string }) =>
      model === 'models/small' ? Promise.reject(gone) : undefined;
    await using served = await start(new FakeEngine({ onLoad }));

    expect(await listed(served)).toEqual([
      'models/big READY models/small',
      'models/small FAILED -',
    ]);
    const { model } = await served.models.getModel({ name: 'big' });
    expect(model?.defaultDraft).toMatchObject({ available: false });
  });

  it('keeps a pairing that was taken away, also while the draft has failed', async () => {
    {
      await using served = await start();
      await load(served, 'small', { draftFor: 'big' });
      await served.models.setDefaultDraft({ target: 'big', draft: '' });
    }
    const gone = new CodedError('BAD_MODEL_FILE', 'truncated');
    const onLoad = ({ model }: { readonly model: string }) =>
      model === 'models/small' ? Promise.reject(gone) : undefined;
    {
      await using served = await start(new FakeEngine({ onLoad }));
      expect(await listed(served)).toEqual(['models/big READY -', 'models/small FAILED -']);
    }
    await using served = await start();

    expect(await listed(served)).toEqual(['models/big READY -', 'models/small READY -']);
  });

  it('does not forget a load that was still to come when it was stopped', async () => {
    {
      await using served = await start();
      await load(served, 'one');
      await load(served, 'two');
    }
    {
      let begun: () => void = () => undefined;
      const loading = new Promise<void>(resolve => (begun = resolve));
      const onLoad = ({ model }: { readonly model: string }) => {
        if (model !== 'models/one') return undefined;
        begun();
        return new Promise<void>(() => undefined);
      };
      await using stuck = await Served.start(
        { models, stateDir: folder },
        new FakeEngine({ onLoad }),
      );
      await loading;
      expect(await listed(stuck)).toEqual(['models/big READY -', 'models/one LOADING -']);
    }
    await using served = await start();

    expect(await listed(served)).toEqual([
      'models/big READY -',
      'models/one READY -',
      'models/two READY -',
    ]);
  });

  it('does not remember a load that fails', async () => {
    const refusal = new CodedError('BAD_MODEL_FILE', 'truncated');
    const onLoad = ({ model }: { readonly model: string }) =>
      model === 'models/bad' ? Promise.reject(refusal) : undefined;
    await using served = await start(new FakeEngine({ onLoad }));

    await failureOf(served.models.loadModel(embedded('bad')));

    expect(file()).not.toContain('bad');
  });

  it('prefers a model of its configuration, and remembers no other under that id', async () => {
    {
      await using served = await Served.ready({ models: [], stateDir: folder });
      await load(served, 'big', { options: { contextLength: 64 } });
    }
    {
      await using served = await start();
      expect(served.engine.loads.map(({ options }) => options.contextLength)).toEqual([undefined]);
      await served.models.unloadModel({ name: 'big' });
      await load(served, 'big', { options: { contextLength: 64 } });
    }
    await using served = await Served.ready({ models: [], stateDir: folder });
    expect(await listed(served)).toEqual([]);
  });

  it('holds remembered paths against its roots, as a client would be', async () => {
    const path = join(folder, 'x.gguf');
    writeFileSync(path, 'GGUF');
    const source = { source: { $case: 'path', value: path } } as const;
    {
      await using served = await Served.ready({ models, stateDir: folder, modelRoots: [folder] });
      await load(served, 'mine', { source });
    }
    await using served = await start();

    const { model } = await served.models.getModel({ name: 'mine' });
    expect(model).toMatchObject({ stateError: { reason: 'PATH_OUTSIDE_ROOT' } });
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
    writeFileSync(join(folder, 'models.json'), text);

    await using served = await start();
    await load(served, 'extra');

    expect(served.log.find(({ aside }) => aside !== undefined)).toMatchObject({ level: 50 });
    const aside = readdirSync(folder).find(name => name.startsWith('models.json.unusable-')) ?? '';
    expect(readFileSync(join(folder, aside), 'utf8')).toBe(text);
    expect(file()).toContain('extra');
  });

  it('does not bring back what a client took away while it was still to be loaded', async () => {
    {
      await using served = await start();
      await load(served, 'one');
      await load(served, 'two');
    }
    let open: () => void = () => undefined;
    const opened = new Promise<void>(resolve => (open = resolve));
    const onLoad = ({ model }: { readonly model: string }) =>
      model === 'models/one' ? opened : undefined;
    await using served = await Served.start(
      { models: [], stateDir: folder },
      new FakeEngine({ onLoad }),
    );
    await load(served, 'two', { options: { contextLength: 64 } });
    await served.models.unloadModel({ name: 'two' });

    open();
    await served.server.ready;

    expect(await listed(served)).toEqual(['models/one READY -']);
    expect(file()).not.toContain('two');
  });

  it('loads, and says so in its log, where it cannot remember', async () => {
    await using served = await start();
    mkdirSync(join(folder, 'models.json.new'));

    await load(served, 'extra');

    expect(served.log.filter(({ msg }) => msg === 'models cannot be remembered')).toEqual([
      expect.objectContaining({ level: 50, path: folder, why: expect.any(String) }),
    ]);
  });

  it('refuses a second server on its folder, and lets one follow', async () => {
    {
      await using first = await start();
      expect(await listed(first)).toHaveLength(1);
      await expect(start()).rejects.toMatchObject({
        reason: 'INVALID_FIELD',
        violations: [{ field: 'stateDir' }],
      });
    }
    await using second = await start();
    expect(await listed(second)).toEqual(['models/big READY -']);
  });

  it('gives the folder back when it cannot start', async () => {
    await using running = await Served.ready({ models });
    const port = Number(running.server.address.split(':')[1]);
    await expect(Served.ready({ models, stateDir: folder, port })).rejects.toThrow();

    await using served = await start();

    expect(await listed(served)).toHaveLength(1);
  });
});
