import { once } from 'node:events';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import { DevicePlacement, ModelState } from '@outrider/sdk/proto';
import { createChannel, createClient } from 'nice-grpc';
import { Metadata, Status } from 'nice-grpc-common';
import { ServerReflectionService } from 'nice-grpc-server-reflection';
import reflectionMessages from 'nice-grpc-server-reflection/lib/proto/grpc/reflection/v1/reflection_pb.js';
import { CodedError } from '../../../server/src/coded-error.js';
import { serverConfig } from '../../../server/src/config/config.js';
import { startServer } from '../../../server/src/rpc/server.js';
import { FakeEngine } from '../../support/fake-engine.js';
import { embedded, failureOf, firstEvents, readAll, readOn, Served } from './served.js';

const NEVER = () => new Promise<void>(() => undefined);
const SERVING = 1;
const NOT_SERVING = 2;

describe('loading over the wire', () => {
  it('tells progress and then the model, last', async () => {
    await using served = await Served.ready({ models: [] });
    const events = [];

    for await (const { event } of served.models.loadModel(embedded('big'))) events.push(event);

    expect(events.slice(0, -1).every(event => event?.$case === 'progress')).toBe(true);
    expect(events.at(-1)).toMatchObject({
      $case: 'model',
      value: { name: 'models/big', state: ModelState.READY },
    });
    const { models } = await served.models.listModels({});
    expect(models.map(({ name }) => name)).toEqual(['models/big']);
  });

  it('is refused with every wrong field', async () => {
    await using served = await Served.ready({ models: [] });
    const wish = embedded('.', { options: { threads: 0 }, source: { sha256: 'x' } });

    expect(await failureOf(served.models.loadModel(wish))).toMatchObject({
      code: Status.INVALID_ARGUMENT,
      message: expect.stringContaining('and 3 more'),
      info: { reason: 'INVALID_FIELD' },
    });
    const misplaced = { ...wish, placement: DevicePlacement.fromPartial({ devices: ['GPU9'] }) };
    expect(await failureOf(served.models.loadModel(misplaced))).toMatchObject({
      message: expect.stringContaining('and 1 more of its placement'),
      info: { reason: 'INVALID_FIELD' },
    });
  });

  it('past its deadline is given up', async () => {
    await using served = await Served.ready({ models: [] }, new FakeEngine({ onLoad: NEVER }));
    const metadata = Metadata().set('grpc-timeout', '1000m');

    expect(await failureOf(served.models.loadModel(embedded('big'), { metadata }))).toMatchObject({
      code: Status.DEADLINE_EXCEEDED,
      info: { metadata: { stage: 'LOAD' } },
    });
  });

  it('is planned without being loaded', async () => {
    await using served = await Served.ready({ models: [] });
    const { source } = embedded('big');

    const plan = await served.models.planModel({ target: { source }, draft: { source } });

    expect(plan).toMatchObject({ fits: true, concessions: [], expectedToPay: undefined });
    expect(plan.devices).toMatchObject([{ device: 'cpu', neededBytes: 2_000, fits: true }]);
    expect(plan.target?.placement?.measured).toBe(false);
    expect((await served.models.listModels({})).models).toEqual([]);
  });

  it('cannot be planned from nothing, or with a wrong field, which is told by its path', async () => {
    await using served = await Served.ready({ models: [] });
    const { source } = embedded('big');
    const wrong = { target: { source, options: { parallelSequences: 65 } } };

    expect(await failureOf(served.models.planModel({}))).toMatchObject({
      code: Status.INVALID_ARGUMENT,
      info: { reason: 'INVALID_FIELD' },
    });
    expect(await failureOf(served.models.planModel(wrong))).toMatchObject({
      info: { reason: 'INVALID_FIELD' },
      message: expect.stringMatching(/^target: options\.parallel_sequences: 65/),
    });
    expect(await failureOf(served.models.planModel({ draft: { source } }))).toMatchObject({
      info: { reason: 'INVALID_FIELD' },
      message: expect.stringContaining('draft_for'),
    });
  });

  it('sets and takes away default drafts', async () => {
    await using served = await Served.ready({ models: [embedded('big'), embedded('small')] });
    const pair = (draft: string) => served.models.setDefaultDraft({ target: 'big', draft });

    expect((await pair('small')).target?.defaultDraft).toMatchObject({ available: true });
    expect((await pair('')).target?.defaultDraft).toBeUndefined();
    expect(await failureOf(pair('big'))).toMatchObject({ info: { reason: 'INVALID_FIELD' } });
    expect(await failureOf(pair('gone'))).toMatchObject({
      code: Status.NOT_FOUND,
      details: ['ErrorInfo', 'ResourceInfo'],
    });
  });
});

describe('the devices', () => {
  it('are told with who holds what on which machine', async () => {
    await using served = await Served.ready();

    const { inventory } = await served.devices.getDeviceInfo({});

    expect(inventory).toMatchObject({
      devices: [{ name: 'cpu', models: [{ model: 'models/big', usage: { totalBytes: 1000 } }] }],
      host: { os: process.platform, arch: process.arch },
      engines: [{ name: 'default', running: true, restarts: 0 }],
      serverVersion: expect.stringMatching(/^\d+\.\d+\.\d+/),
    });
  });

  it('are told again after each load and unload', async () => {
    await using served = await Served.ready({ models: [] });
    const watching = served.devices.watchDeviceInfo({ intervalMs: 60_000 });
    const reports = watching[Symbol.asyncIterator]();
    const holders = async () => {
      const next = await reports.next();
      if (next.done === true) throw new Error('the watch has ended');
      return next.value.inventory?.devices[0]?.models.map(({ model }) => model);
    };

    expect(await holders()).toEqual([]);
    await readAll(served.models.loadModel(embedded('big')));
    expect(await holders()).toEqual(['models/big']);
    await served.models.unloadModel({ name: 'big' });
    expect(await holders()).toEqual([]);
    await reports.return?.();
  });
});

describe('health', () => {
  const statusOf = async (served: Served, service: string) =>
    (await served.health.check({ service })).status;

  it('of the server follows its start-up models, and of each model its state', async () => {
    let finish: () => void = () => undefined;
    const loading = new Promise<void>(resolve => (finish = resolve));
    await using served = await Served.start({}, new FakeEngine({ onLoad: () => loading }));

    expect(await statusOf(served, '')).toBe(NOT_SERVING);
    expect(await statusOf(served, 'models/big')).toBe(NOT_SERVING);
    expect(await statusOf(served, 'outrider.v1.GenerateService')).toBe(SERVING);
    finish();
    await served.server.ready;

    expect(await statusOf(served, '')).toBe(SERVING);
    expect(await statusOf(served, 'models/big')).toBe(SERVING);
    await expect(served.health.check({ service: 'models/x' })).rejects.toMatchObject({
      code: Status.NOT_FOUND,
    });
  });

  it('stays bad when a start-up model has failed', async () => {
    const failure = new CodedError('BAD_MODEL_FILE', 'truncated');
    const engine = new FakeEngine({ onLoad: () => Promise.reject(failure) });
    await using served = await Served.start({}, engine);

    await expect(served.server.ready).rejects.toMatchObject({
      reason: 'BAD_MODEL_FILE',
      message: failure.message,
      metadata: { path: 'embedded:target' },
    });
    expect(await statusOf(served, '')).toBe(NOT_SERVING);
    expect((await served.models.getModel({ name: 'big' })).model).toMatchObject({
      state: ModelState.FAILED,
      stateError: { reason: 'BAD_MODEL_FILE' },
    });
  });
});

describe('reflection', () => {
  it('names the services', async () => {
    await using served = await Served.ready({ models: [] });

    expect(await reflected(served)).toEqual([
      'outrider.v1.GenerateService',
      'outrider.v1.LoadModelService',
      'outrider.v1.DeviceInfoService',
      'grpc.health.v1.Health',
    ]);
  });

  it('can be turned off', async () => {
    await using served = await Served.ready({ models: [], reflection: 'off' });

    await expect(reflected(served)).rejects.toMatchObject({ code: Status.UNIMPLEMENTED });
  });
});

describe('a server that closes', () => {
  it('lets streams end, ends health watchers, and stops the engine', async () => {
    let steps = 0;
    const onStep = async () => {
      steps += 1;
      await new Promise(resolve => setTimeout(resolve, 5));
    };
    await using served = await Served.ready({ drainMs: 10_000 }, new FakeEngine({ onStep }));
    const watcher = served.health.watch({ service: '' })[Symbol.asyncIterator]();
    expect(await watcher.next()).toMatchObject({ value: { status: SERVING } });
    const { rest } = await firstEvents(served.generate({ maxTokens: 10 }), 2);

    const closing = served.server.close();
    const seen = [];
    for await (const { event } of readOn(rest)) seen.push(event?.$case);

    expect(seen.at(-1)).toBe('completion');
    expect(steps).toBe(9);
    expect(await closing).toBe('clean');
    expect(served.engine.closed).toBe(true);
    await expect(drainedOf(watcher)).rejects.toMatchObject({ code: Status.UNAVAILABLE });
  });

  it('ends what is left after the grace time, and says why', async () => {
    await using served = await Served.ready({ drainMs: 50 }, new FakeEngine({ onStep: NEVER }));
    const { rest } = await firstEvents(served.generate(), 2);

    const closing = served.server.close();

    expect(await failureOf(readOn(rest))).toMatchObject({
      code: Status.UNAVAILABLE,
      info: { reason: 'SERVER_DRAINING' },
      details: ['ErrorInfo', 'RetryInfo'],
    });
    expect(await closing).toBe('aborted');
    expect(await served.server.close()).toBe('aborted');
  });
});

describe('a server', () => {
  it('listens on a unix socket and removes it', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'outrider-socket-'));
    const path = join(folder, 's');
    const served = await Served.ready({ listen: `unix://${path}` });

    expect(served.server.address).toBe(`unix://${path}`);
    expect((await served.models.listModels({})).models).toHaveLength(1);
    await served[Symbol.asyncDispose]();

    expect(existsSync(path)).toBe(false);
    rmSync(folder, { recursive: true });
  });

  it('refuses a request above 4 MiB and serves on', async () => {
    await using served = await Served.ready();
    const value = 'x'.repeat(5 * 1024 * 1024);

    await expect(
      served.generation.tokenize({ model: 'big', input: { $case: 'text', value } }),
    ).rejects.toMatchObject({ code: Status.RESOURCE_EXHAUSTED });
    expect((await served.models.listModels({})).models).toHaveLength(1);
  });

  it('survives what is not gRPC', async () => {
    await using served = await Served.ready();
    const socket = connect(Number(served.server.address.split(':')[1]), '127.0.0.1');
    await once(socket, 'connect');
    await new Promise(resolve => socket.write('GET / HTTP/1.1\r\n\r\n', resolve));
    socket.destroy();

    expect((await served.models.listModels({})).models).toHaveLength(1);
  });

  it('echoes a well-formed request id, in the header and the trailer', async () => {
    await using served = await Served.ready();
    const seen: (string | undefined)[] = [];
    const note = (metadata: Metadata) => void seen.push(metadata.get('x-request-id'));
    const metadata = Metadata().set('x-request-id', 'mine');

    await served.models.listModels({}, { metadata, onHeader: note, onTrailer: note });

    expect(seen).toEqual(['mine', 'mine']);
  });

  it('does not start with defaults that no request could ask for', async () => {
    const sampling = { temperature: -1 };
    const config = serverConfig({ port: 0, admin: 'off', defaults: { sampling, speculation: {} } });

    await expect(startServer(config, { engine: new FakeEngine() })).rejects.toMatchObject({
      violations: [{ field: 'defaults.sampling.temperature' }],
    });
  });

  it('does not start where dice would accept by default, allowed or not', async () => {
    const speculation = { synthetic: { rates: [0.5] } };
    for (const allowSynthetic of [false, true]) {
      const defaults = { sampling: {}, speculation };
      const config = serverConfig({ port: 0, admin: 'off', allowSynthetic, defaults });

      await expect(startServer(config, { engine: new FakeEngine() })).rejects.toMatchObject({
        reason: 'INVALID_FIELD',
        violations: [{ field: 'defaults.speculation.synthetic' }],
      });
    }
  });

  it('does not start on a port that is taken, and leaves no engine behind', async () => {
    await using served = await Served.ready();
    const engine = new FakeEngine();
    const port = Number(served.server.address.split(':')[1]);

    await expect(startServer(serverConfig({ port, admin: 'off' }), { engine })).rejects.toThrow(
      /EADDRINUSE|bind/,
    );
    expect(engine.closed).toBe(true);
  });
});

async function drainedOf(iterator: AsyncIterator<unknown>): Promise<void> {
  for (;;) if ((await iterator.next()).done === true) return;
}

/** Services that the server's reflection lists. */
async function reflected(served: Served): Promise<string[]> {
  const channel = createChannel(served.server.address);
  const client = createClient(ServerReflectionService, channel);
  const ask = async function* () {
    yield new reflectionMessages.ServerReflectionRequest().setListServices('');
  };
  const listed: string[] = [];
  try {
    for await (const reply of client.serverReflectionInfo(ask())) {
      const services = reply.getListServicesResponse()?.getServiceList() ?? [];
      listed.push(...services.map(service => service.getName()));
    }
  } finally {
    channel.close();
  }
  return listed;
}
