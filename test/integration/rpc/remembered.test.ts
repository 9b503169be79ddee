import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import { ModelState } from '@outrider/sdk/proto';
import { CodedError } from '../../../server/src/coded-error.js';
import { FakeEngine } from '../../support/fake-engine.js';
import { embedded, failureOf, Served } from './served.js';
import { listed, load, StateFolder } from './state-folder.js';

const state = new StateFolder();

/** An engine that cannot load the file of one model. */
const refusing = (refused: string) =>
  new FakeEngine({
    onLoad: ({ model }) =>
      model === refused ? Promise.reject(new CodedError('BAD_MODEL_FILE', 'truncated')) : undefined,
  });

describe('a server with a state folder', () => {
  it('loads again what clients have loaded, as they asked for it', async () => {
    {
      await using served = await state.start();
      await load(served, 'extra', { options: { contextLength: 256 }, detached: true });
    }
    await using served = await state.start();

    expect(await listed(served)).toEqual(['models/big READY -', 'models/extra READY -']);
    expect(served.engine.loads.at(-1)?.options.contextLength).toBe(256);
    // The same request finds it there.
    await load(served, 'extra', { options: { contextLength: 256 } });
    expect(served.engine.loads).toHaveLength(2);
  });

  it('forgets what is unloaded', async () => {
    {
      await using served = await state.start();
      await load(served, 'extra');
      await load(served, 'other');
      await served.models.unloadModel({ name: 'extra' });
    }
    await using served = await state.start();

    expect(await listed(served)).toEqual(['models/big READY -', 'models/other READY -']);
  });

  it('remembers which draft a target has, whoever paired them', async () => {
    {
      await using served = await state.start();
      await load(served, 'small', { draftFor: 'big' });
      await load(served, 'tiny');
      await load(served, 'twin');
      await served.models.setDefaultDraft({ target: 'big', draft: 'tiny' });
      await served.models.setDefaultDraft({ target: 'twin', draft: 'small' });
    }
    await using served = await state.start();
    expect(await listed(served)).toEqual([
      'models/big READY models/tiny',
      'models/small READY -',
      'models/tiny READY -',
      'models/twin READY models/small',
    ]);

    await served.models.setDefaultDraft({ target: 'big', draft: '' });
    await served.models.unloadModel({ name: 'small' });
    await served[Symbol.asyncDispose]();
    await using again = await state.start();
    expect(await listed(again)).toEqual([
      'models/big READY -',
      'models/tiny READY -',
      'models/twin READY -',
    ]);
  });

  it('loads a draft after its target, which was loaded anew, and also where the target is gone', async () => {
    {
      await using served = await state.start();
      await load(served, 'late');
      await load(served, 'small', { draftFor: 'late' });
      await served.models.unloadModel({ name: 'late' });
      await load(served, 'late', { options: { contextLength: 256 } });
      await served.models.setDefaultDraft({ target: 'late', draft: 'small' });
    }
    {
      await using served = await state.start();
      expect(await listed(served)).toEqual([
        'models/big READY -',
        'models/late READY models/small',
        'models/small READY -',
      ]);
      await served.models.unloadModel({ name: 'late' });
    }
    await using served = await state.start();
    expect(await listed(served)).toEqual(['models/big READY -', 'models/small READY -']);
  });

  it('leaves pairings of its configuration to the configuration, unless a client changed them', async () => {
    const pair = [embedded('big'), embedded('small', { draftFor: 'big' })];
    {
      await using served = await Served.ready({ models: pair, stateDir: state.path });
      await served.models.unloadModel({ name: 'small' });
      expect(await listed(served)).toEqual(['models/big READY -']);
    }
    {
      await using served = await Served.ready({ models: pair, stateDir: state.path });
      expect((await listed(served))[0]).toBe('models/big READY models/small');
      await served.models.setDefaultDraft({ target: 'big', draft: '' });
    }
    await using served = await Served.ready({ models: pair, stateDir: state.path });
    expect((await listed(served))[0]).toBe('models/big READY -');
  });

  it('shows what no longer loads as FAILED, is ready all the same, and tries again at the next start', async () => {
    {
      await using served = await state.start();
      await load(served, 'small', { draftFor: 'big' });
    }
    {
      await using served = await state.start(refusing('models/small'));
      const { model } = await served.models.getModel({ name: 'small' });
      expect(model).toMatchObject({
        state: ModelState.FAILED,
        stateError: { reason: 'BAD_MODEL_FILE' },
      });
    }
    {
      await using served = await state.start();
      expect(await listed(served)).toEqual([
        'models/big READY models/small',
        'models/small READY -',
      ]);
    }
    {
      await using served = await state.start(refusing('models/small'));
      await served.models.unloadModel({ name: 'small' });
    }
    await using served = await state.start();
    expect(await listed(served)).toEqual(['models/big READY -']);
  });

  it('pairs what clients paired also where the draft has failed, and says so to requests', async () => {
    {
      await using served = await state.start();
      await load(served, 'small');
      await served.models.setDefaultDraft({ target: 'big', draft: 'small' });
    }
    await using served = await state.start(refusing('models/small'));

    expect(await listed(served)).toEqual([
      'models/big READY models/small',
      'models/small FAILED -',
    ]);
    const { model } = await served.models.getModel({ name: 'big' });
    expect(model?.defaultDraft).toMatchObject({ available: false });
  });

  it('keeps a pairing that was taken away, also while the draft has failed', async () => {
    {
      await using served = await state.start();
      await load(served, 'small', { draftFor: 'big' });
      await served.models.setDefaultDraft({ target: 'big', draft: '' });
    }
    {
      await using served = await state.start(refusing('models/small'));
      expect(await listed(served)).toEqual(['models/big READY -', 'models/small FAILED -']);
    }
    await using served = await state.start();

    expect(await listed(served)).toEqual(['models/big READY -', 'models/small READY -']);
  });

  it('does not forget a load that was still to come when it was stopped', async () => {
    {
      await using served = await state.start();
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
        { models: state.models, stateDir: state.path },
        new FakeEngine({ onLoad }),
      );
      await loading;
      expect(await listed(stuck)).toEqual(['models/big READY -', 'models/one LOADING -']);
    }
    await using served = await state.start();

    expect(await listed(served)).toEqual([
      'models/big READY -',
      'models/one READY -',
      'models/two READY -',
    ]);
  });

  it('does not remember a load that fails', async () => {
    await using served = await state.start(refusing('models/bad'));

    await failureOf(served.models.loadModel(embedded('bad')));

    expect(state.file()).not.toContain('bad');
  });

  it('prefers a model of its configuration, and remembers no other under that id', async () => {
    {
      await using served = await Served.ready({ models: [], stateDir: state.path });
      await load(served, 'big', { options: { contextLength: 64 } });
    }
    {
      await using served = await state.start();
      expect(served.engine.loads.map(({ options }) => options.contextLength)).toEqual([undefined]);
      await served.models.unloadModel({ name: 'big' });
      await load(served, 'big', { options: { contextLength: 64 } });
    }
    await using served = await Served.ready({ models: [], stateDir: state.path });
    expect(await listed(served)).toEqual([]);
  });

  it('holds remembered paths against its roots, as a client would be', async () => {
    const path = join(state.path, 'x.gguf');
    writeFileSync(path, 'GGUF');
    const source = { source: { $case: 'path', value: path } } as const;
    {
      await using served = await Served.ready({
        models: state.models,
        stateDir: state.path,
        modelRoots: [state.path],
      });
      await load(served, 'mine', { source });
    }
    await using served = await state.start();

    const { model } = await served.models.getModel({ name: 'mine' });
    expect(model).toMatchObject({ stateError: { reason: 'PATH_OUTSIDE_ROOT' } });
  });

  it('does not bring back what a client took away while it was still to be loaded', async () => {
    {
      await using served = await state.start();
      await load(served, 'one');
      await load(served, 'two');
    }
    let open: () => void = () => undefined;
    const opened = new Promise<void>(resolve => (open = resolve));
    const onLoad = ({ model }: { readonly model: string }) =>
      model === 'models/one' ? opened : undefined;
    await using served = await Served.start(
      { models: [], stateDir: state.path },
      new FakeEngine({ onLoad }),
    );
    await load(served, 'two', { options: { contextLength: 64 } });
    await served.models.unloadModel({ name: 'two' });

    open();
    await served.server.ready;

    expect(await listed(served)).toEqual(['models/one READY -']);
    expect(state.file()).not.toContain('two');
  });
});
