import { describe, expect, it } from '@jest/globals';
import {
  DeviceType,
  type LoadModelRequest,
  LoadStage,
  ModelState,
  Role,
  type UnloadModelRequest,
} from '@outrider/sdk/proto';
import { Status } from 'nice-grpc';
import { runCommandLine } from '../../../server/src/cli/program.js';
import { jsonLines, outrider, refusal } from './against.js';
import { type Answers, fakeService } from './fake-service.js';
import { recordingIo } from './recording-io.js';

const MODEL = { name: 'models/big', state: ModelState.READY, role: Role.TARGET };

describe('outrider models', () => {
  const answers: Answers = {
    listModels: async ({ pageToken }) =>
      pageToken === ''
        ? { models: [MODEL], nextPageToken: 'more' }
        : { models: [{ name: 'models/small' }], nextPageToken: '' },
  };

  it('reads every page into one table', async () => {
    const { exit, out } = await outrider(answers, ['models']);

    expect(exit).toBe(0);
    expect(out).toMatch(/^NAME .*\nmodels\/big +ready +target .*\nmodels\/small /);
  });

  it('prints every page as one line with --json', async () => {
    const { out } = await outrider(answers, ['models', '--json']);

    expect(jsonLines(out)).toEqual([
      {
        models: [{ name: 'models/big', state: 'MODEL_STATE_READY', role: 'ROLE_TARGET' }],
        nextPageToken: 'more',
      },
      { models: [{ name: 'models/small' }] },
    ]);
  });

  it('says so when there are none', async () => {
    const { out } = await outrider({ listModels: async () => ({}) }, ['models']);

    expect(out).toBe('no models are loaded\n');
  });
});

describe('outrider devices', () => {
  const inventory = {
    devices: [{ name: 'cpu', backend: 'CPU', type: DeviceType.CPU, memoryKnown: true }],
  };

  it('prints a table or the response', async () => {
    const answers: Answers = { getDeviceInfo: async () => ({ inventory }) };

    expect((await outrider(answers, ['devices'])).out).toMatch(/\ncpu +CPU +cpu +0 B /);
    expect(jsonLines((await outrider(answers, ['devices', '--json'])).out)).toEqual([
      {
        inventory: {
          devices: [{ name: 'cpu', backend: 'CPU', type: 'DEVICE_TYPE_CPU', memoryKnown: true }],
        },
      },
    ]);
  });

  it('reports again and again with --watch until it is interrupted', async () => {
    let reports = 0;
    const io = recordingIo({
      onWrite: written => {
        reports += 1;
        if (reports === 2) written.signal();
      },
    });
    await using service = await fakeService({
      watchDeviceInfo: async function* (_request, { signal }) {
        yield { inventory };
        yield { inventory };
        await new Promise<void>(resolve => signal.addEventListener('abort', () => resolve()));
      },
    });

    const exit = await runCommandLine(
      ['devices', '--watch', '--json', '--address', service.address],
      io,
    );

    expect(exit).toBe(130);
    expect(jsonLines(io.out).length).toBe(2);
  });
});

describe('outrider load', () => {
  const loading = (seen: LoadModelRequest[]): Answers => ({
    loadModel: async function* (request) {
      seen.push(request);
      yield progress(0.5);
      yield {
        event: {
          $case: 'model',
          value: {
            ...MODEL,
            name: `models/${request.modelId}`,
            warnings: [{ code: 'LAYERS_CLAMPED', message: 'only 3 layers' }],
          },
        },
      };
    },
  });

  it('loads the model and then its draft, and shows both', async () => {
    const seen: LoadModelRequest[] = [];

    const { exit, out, err } = await outrider(loading(seen), [
      ...['load', '-m', 'big.gguf', '-md', 'small.gguf', '-ngl', '3'],
      ...['--best-effort', '--replace', '--detach-load'],
    ]);

    expect(exit).toBe(0);
    expect(seen).toMatchObject([
      { modelId: 'big', source: { source: { value: 'big.gguf' } }, draftFor: '', replace: true },
      { modelId: 'small', draftFor: 'models/big', detached: true },
    ]);
    expect(seen.map(request => request.onUnavailable)).toEqual([
      'UNAVAILABLE_POLICY_UNSPECIFIED',
      'UNAVAILABLE_POLICY_BEST_EFFORT',
    ]);
    expect(out).toMatch(/\nmodels\/big .*\nmodels\/small /);
    expect(err).toContain('outrider: models/big: LAYERS_CLAMPED: only 3 layers\n');
  });

  it('attaches a draft to a model that is there, under a role', async () => {
    const seen: LoadModelRequest[] = [];

    await outrider(loading(seen), [
      'load',
      '-m',
      's.gguf',
      '--draft-for',
      'big',
      '--role',
      'draft',
    ]);

    expect(seen).toMatchObject([{ modelId: 's', draftFor: 'models/big', role: Role.DRAFT }]);
  });

  it('prints every response with --json', async () => {
    const { out } = await outrider(loading([]), ['load', '-m', 'big.gguf', '--json']);

    expect(jsonLines(out)).toMatchObject([
      { progress: { stage: 'LOAD_STAGE_LOADING', fraction: 0.5 } },
      { model: { name: 'models/big' } },
    ]);
  });

  it('shows progress on a terminal only', async () => {
    const argv = ['load', '-m', 'big.gguf'];

    expect((await outrider(loading([]), argv, { terminal: true })).err).toContain(
      'big: loading 50 %',
    );
    expect((await outrider(loading([]), argv)).err).not.toContain('50 %');
  });

  it.each([
    [['load'], '--model is missing'],
    [['load', '-m', 'a.gguf', '--best-effort'], '--best-effort needs'],
    [['load', '-m', 'a', '-md', 'b', '--draft-for', 'c'], 'exclude each other'],
    [['load', '-m', 'a', '--role', 'both'], '--role: "both" is none of target, draft'],
  ])('refuses %j before it calls anybody', async (argv, complaint) => {
    const io = recordingIo();

    expect(await runCommandLine([...argv, '--address', 'unix:///nowhere'], io)).toBe(2);
    expect(io.err).toContain(complaint);
  });
});

describe('outrider unload', () => {
  it('names the model in full and passes its flags on', async () => {
    const seen: UnloadModelRequest[] = [];
    const answers: Answers = {
      unloadModel: async request => {
        seen.push(request);
        return { freed: [{ device: 'cpu', totalBytes: 1024 }] };
      },
    };

    const plain = await outrider(answers, ['unload', 'big']);
    const forced = await outrider(answers, [
      ...['unload', 'models/big', '--drain', '500', '--force', '--detach', '--json'],
    ]);

    expect(seen).toEqual([
      { name: 'models/big', drainTimeoutMs: undefined, force: false, detach: false },
      { name: 'models/big', drainTimeoutMs: 500, force: true, detach: true },
    ]);
    expect(plain.out).toBe('unloaded models/big; freed cpu 1.0 KiB\n');
    expect(jsonLines(forced.out)).toEqual([{ freed: [{ device: 'cpu', totalBytes: 1024 }] }]);
  });
});

describe('a client', () => {
  it('exits with 3 when nobody answers, at once', async () => {
    const io = recordingIo();

    expect(await runCommandLine(['models', '--address', 'unix:///does/not/exist.sock'], io)).toBe(
      3,
    );
    expect(io.err).toContain('no Outrider server answers at unix:///does/not/exist.sock');
  });

  it('takes its address from the environment', async () => {
    const io = recordingIo({ env: { OUTRIDER_ADDRESS: 'unix:///from/the/environment.sock' } });

    await runCommandLine(['models'], io);

    expect(io.err).toContain('unix:///from/the/environment.sock');
  });

  it('refuses an address that would be misread', async () => {
    const io = recordingIo();

    expect(await runCommandLine(['models', '--address', 'unix:/run/o.sock'], io)).toBe(2);
    expect(io.err).toContain('"unix:/run/o.sock" is neither host:port nor unix:///path');
  });

  it('exits with 4 and tells the reason of a refusal', async () => {
    const answers: Answers = {
      unloadModel: async () => {
        throw refusal(Status.NOT_FOUND, 'MODEL_NOT_FOUND', 'no model "x"');
      },
    };

    const { exit, err } = await outrider(answers, ['unload', 'x']);

    expect(exit).toBe(4);
    expect(err).toMatch(/^outrider: NOT_FOUND MODEL_NOT_FOUND: no model "x"\n {2}remedy: /);
  });

  it('gives up after --timeout, even when the server is silent', async () => {
    const answers: Answers = { listModels: () => new Promise(() => undefined) };

    const { exit, err } = await outrider(answers, ['models', '--timeout', '100']);

    expect(exit).toBe(4);
    expect(err).toMatch(/^outrider: DEADLINE_EXCEEDED DEADLINE_EXCEEDED: /);
    expect(err).toContain('allow more time with --timeout');
  });

  it('sends the time that is left as the deadline of the call', async () => {
    const io = recordingIo();
    await using service = await fakeService({ listModels: async () => ({}) });
    const argv = ['models', '--address', service.address];

    await runCommandLine([...argv, '--timeout', '60000'], io);
    await runCommandLine(argv, io);

    const [limited = 0, unlimited] = service.leftMs;
    expect(limited).toBeLessThanOrEqual(60_000);
    expect(limited).toBeGreaterThan(40_000);
    expect(unlimited).toBe(Infinity);
  });
});

function progress(fraction: number) {
  return { event: { $case: 'progress' as const, value: { stage: LoadStage.LOADING, fraction } } };
}
