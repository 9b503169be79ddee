import { describe, expect, it } from '@jest/globals';
import { ModelState } from '@outrider/sdk/proto';
import { Status } from 'nice-grpc-common';
import { CodedError } from '../../../server/src/coded-error.js';
import { FakeEngine } from '../../support/fake-engine.js';
import { embedded, failureOf, firstEvents, readAll, readOn, Served } from './served.js';

const SERVING = 1;
const NOT_SERVING = 2;

/** A gate that models wait at while they load or step. */
function gate() {
  let open: () => void = () => undefined;
  const opened = new Promise<void>(resolve => (open = resolve));
  return { opened, open: () => open() };
}

/** Fails loads of one model until told otherwise. */
function failing(name: string) {
  const script = { fails: true };
  const engine = new FakeEngine({
    onLoad: ({ model }) => {
      if (model === name && script.fails) throw new CodedError('BAD_MODEL_FILE', 'truncated');
    },
  });
  return { engine, repair: () => void (script.fails = false) };
}

const readiness = async ({ server }: Served) => {
  const response = await fetch(`http://${server.adminAddress ?? ''}/readyz`);
  return [response.status, (await response.text()).trim()];
};

describe('a start-up model that fails', () => {
  const models = [embedded('big'), embedded('small')];
  const start = (engine: FakeEngine) => Served.start({ models, admin: '127.0.0.1:0' }, engine);

  it('leaves the server running, not ready, with the others and the reason to be seen', async () => {
    const { engine } = failing('models/big');
    await using served = await start(engine);
    await expect(served.server.ready).rejects.toMatchObject({ reason: 'BAD_MODEL_FILE' });

    expect(await readiness(served)).toEqual([
      503,
      'the start-up models are not loaded; models/big has failed: BAD_MODEL_FILE: truncated',
    ]);
    expect(await served.health.check({ service: '' })).toMatchObject({ status: NOT_SERVING });
    const { models: all } = await served.models.listModels({});
    expect(all.map(({ state }) => state)).toEqual([ModelState.FAILED, ModelState.READY]);
    const { rest } = await firstEvents(served.generate({ model: 'small', maxTokens: 2 }), 1);
    await readAll(readOn(rest));
  });

  it('makes the server ready when it is loaded after all', async () => {
    const { engine, repair } = failing('models/big');
    await using served = await start(engine);
    await served.server.ready.catch(() => undefined);

    repair();
    await readAll(served.models.loadModel(embedded('big')));
    await served.server.serving;

    expect(await readiness(served)).toEqual([200, 'ready']);
    expect(await served.health.check({ service: '' })).toMatchObject({ status: SERVING });
  });

  it('makes the server ready when it is unloaded', async () => {
    const { engine } = failing('models/big');
    await using served = await start(engine);
    await served.server.ready.catch(() => undefined);

    await served.models.unloadModel({ name: 'big' });
    await served.server.serving;

    expect(await readiness(served)).toEqual([200, 'ready']);
  });
});

describe('a server that drains', () => {
  it('tells every new call on its connections why it is refused, while old ones run on', async () => {
    const { opened, open } = gate();
    const onStep = (_spec: unknown, index: number) => (index > 1 ? opened : undefined);
    await using served = await Served.ready({ drainMs: 20_000 }, new FakeEngine({ onStep }));
    const { rest } = await firstEvents(served.generate({ maxTokens: 5 }), 2);

    const closing = served.server.close();
    const refusals = [
      await failureOf(served.generate()),
      await failureOf(served.models.listModels({})),
      await failureOf(served.devices.getDeviceInfo({})),
    ];
    open();
    const seen = await readAll(readOn(rest));

    for (const refusal of refusals) {
      expect(refusal).toMatchObject({
        code: Status.UNAVAILABLE,
        info: { reason: 'SERVER_DRAINING' },
        details: ['ErrorInfo', 'RetryInfo'],
      });
    }
    expect(seen.at(-1)?.event?.$case).toBe('completion');
    expect(await closing).toBe('clean');
  });

  it('takes calls for its drain delay, while health already says that it ends', async () => {
    await using served = await Served.ready({ drainDelayMs: 3_000, admin: '127.0.0.1:0' });

    const closing = served.server.close();

    expect(await readiness(served)).toEqual([503, 'the server is shutting down']);
    expect(await served.health.check({ service: '' })).toMatchObject({ status: NOT_SERVING });
    const { rest } = await firstEvents(served.generate({ maxTokens: 2 }), 1);
    expect((await readAll(readOn(rest))).at(-1)?.event?.$case).toBe('completion');
    expect(await closing).toBe('clean');
  });
});
