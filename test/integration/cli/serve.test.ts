import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { ListModelsResponse, LoadModelResponse } from '@outrider/sdk/proto';
import {
  DRAFT_FILE,
  firstLines,
  jsonLines,
  ONE_THREAD,
  type Outcome,
  outrider,
  type Running,
  start,
  TARGET_FILE,
} from './command.js';

describe('outrider serve', () => {
  let server: Running;
  let lines: string[];
  let address: string;
  const client = (...args: string[]): Promise<Outcome> => outrider([...args, '--address', address]);

  beforeAll(async () => {
    server = start([
      ...[
        'serve',
        '--port',
        '0',
        '-m',
        TARGET_FILE,
        '-a',
        'big',
        '-md',
        DRAFT_FILE,
        '-ad',
        'small',
      ],
      ...['--model-root', dirname(TARGET_FILE), '--temp', '0', ...ONE_THREAD],
    ]);
    lines = await firstLines(server, 2);
    address = lines[0]?.split(' ')[1] ?? '';
  }, 60_000);

  afterAll(async () => {
    server.child.kill('SIGKILL');
    await server.exit;
  });

  it('says where it listens, and when it is ready', () => {
    expect(lines).toEqual([expect.stringMatching(/^listening 127\.0\.0\.1:\d+$/), 'ready']);
  });

  it('has loaded the pair of its flags', async () => {
    const { exit, out } = await client('models');

    expect(exit).toBe(0);
    expect(out).toMatch(/\nmodels\/big +ready +target +cpu .* models\/small\n/);
    expect(out).toMatch(/\nmodels\/small +ready +draft +cpu /);
  });

  it('shows who holds memory on which device', async () => {
    const table = await client('devices');
    const json = await client('devices', '--json');

    expect(table.out).toMatch(/\ncpu +CPU +cpu .*models\/big .*models\/small /);
    expect(jsonLines(json.out)).toMatchObject([{ inventory: { devices: [{ name: 'cpu' }] } }]);
  });

  it('uses its sampling flags for requests that leave them unset', async () => {
    const run = ['run', '-m', TARGET_FILE, '-a', 'solo', '-p', 'Once', '-n', '12', '-t', '1'];

    const first = await client(...run, '-s', '1');
    const second = await client(...run, '-s', '2');
    const warm = await client(...run, '-s', '2', '--temp', '1.5');

    expect(first.exit).toBe(0);
    expect(second.out).toBe(first.out);
    expect(warm.out).not.toBe(first.out);
  }, 60_000);

  it('loads, lists and unloads what clients ask for', async () => {
    const loaded = await client('load', '-m', 'tales-draft-f32.gguf', '-a', 'extra', '-t', '1');
    const again = await client(
      'load',
      '-m',
      'tales-draft-f32.gguf',
      '-a',
      'extra',
      '-t',
      '1',
      '--json',
    );
    const listed = await client('models', '--json');
    const unloaded = await client('unload', 'extra');
    const gone = await client('unload', 'extra');

    expect(loaded.out).toMatch(/^NAME .*\nmodels\/extra +ready +target /);
    expect(
      jsonLines(again.out).map(line => LoadModelResponse.fromJSON(line).event?.$case),
    ).toContain('model');
    const [page] = jsonLines(listed.out).map(line => ListModelsResponse.fromJSON(line));
    expect(page?.models.map(model => model.name)).toContain('models/extra');
    expect(unloaded.out).toMatch(/^unloaded models\/extra; freed cpu [\d.]+ [KM]iB\n$/);
    expect([loaded.exit, again.exit, unloaded.exit, gone.exit]).toEqual([0, 0, 0, 4]);
    expect(gone.err).toMatch(/^outrider: NOT_FOUND MODEL_NOT_FOUND: /);
  }, 60_000);

  it('lets clients read no file outside its roots', async () => {
    const { exit, err } = await client('load', '-m', '/etc/hostname', '-a', 'hostname');

    expect(exit).toBe(4);
    expect(err).toMatch(/^outrider: PERMISSION_DENIED PATH_OUTSIDE_ROOT: /);
  });

  it('keeps a second server off its port', async () => {
    const port = address.split(':')[1] ?? '';

    const { exit, err } = await outrider(['serve', '--port', port]);

    expect(exit).toBe(2);
    expect(err).toMatch(/outrider: --host, --port, --listen: .*EADDRINUSE/);
  }, 30_000);

  it('drains at SIGTERM and exits with 0', async () => {
    server.child.kill('SIGTERM');

    expect(await server.exit).toBe(0);
    expect((await client('models')).exit).toBe(3);
  }, 30_000);
});

describe('outrider serve with --json', () => {
  it('announces itself in JSON on a socket, and removes the socket when it is told to stop', async () => {
    const socket = `unix://${join(tmpdir(), `outrider-cli-${process.pid}.sock`)}`;
    const server = start(['serve', '--listen', socket, '--json', ...ONE_THREAD]);

    const lines = await firstLines(server, 2);
    server.child.kill('SIGINT');

    expect(lines.map(line => JSON.parse(line) as unknown)).toEqual([
      { event: 'listening', address: socket },
      { event: 'ready' },
    ]);
    expect(await server.exit).toBe(0);
    expect(await server.err).toMatch(/^outrider: no --model given: using the embedded pair/);
    expect((await outrider(['models', '--address', socket])).exit).toBe(3);
  }, 60_000);
});

describe('outrider serve that cannot start', () => {
  it('exits with 4 when its model cannot be loaded, and says which way it failed', async () => {
    const { exit, out, err } = await outrider([
      ...['serve', '--port', '0', '-m', '/does/not/exist.gguf', '-t', '1'],
    ]);

    expect(exit).toBe(4);
    expect(out).toMatch(/^listening [^\n]+\n$/);
    expect(err).toMatch(/\noutrider: NOT_FOUND MODEL_FILE_NOT_FOUND: .*\n {2}remedy: /);
  }, 60_000);

  it.each([
    [['--port', '99999'], '--port: '],
    [['--host', '0.0.0.0'], '--host: '],
    [['--top-p', '2'], 'defaults.sampling.top_p: '],
    [['--rpc', '127.0.0.1:1'], '--rpc: the libraries in use have no RPC backend'],
    [['--plan'], "unknown option '--plan'"],
  ])(
    'exits with 2 and names the flag: %j',
    async (args, complaint) => {
      const { exit, out, err } = await outrider(['serve', ...args]);

      expect([exit, out]).toEqual([2, '']);
      expect(err).toContain(complaint);
    },
    30_000,
  );
});
