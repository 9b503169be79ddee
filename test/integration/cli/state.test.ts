import { once } from 'node:events';
import { mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { eventsOf, rawClient } from '../../support/raw-client.js';
import { DRAFT_FILE, firstLines, outrider, type Running, start, TARGET_FILE } from './command.js';

let folder = '';
let config = '';
let state = '';
const servers: Running[] = [];

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'outrider-life-'));
  config = join(folder, 'outrider.yaml');
  state = join(folder, 'state');
});
afterEach(async () => {
  for (const { child, exit } of servers.splice(0)) {
    child.kill('SIGKILL');
    await exit;
  }
  rmSync(folder, { recursive: true });
});

const MANIFEST = `
port: 0
model_root: [${dirname(TARGET_FILE)}]
defaults: { sampling: { temperature: 0 } }
models:
  - model_id: big
    source: { path: ${basename(TARGET_FILE)} }
    options: { context_length: 256, parallel_sequences: 2, threads: 1, calibrate: false }
`;

/** A server of the configuration file that is ready, and where it listens. */
async function serving(...args: string[]) {
  const server = start(['serve', '--config', config, '--state-dir', state, ...args]);
  servers.push(server);
  const [listening = ''] = await firstLines(server, 2);
  const address = listening.split(' ')[1] ?? '';
  const client = (...words: string[]) => outrider([...words, '--address', address]);
  return { server, address, client };
}

async function written(address: string, model: string): Promise<string> {
  using client = rawClient(address);
  const input = { $case: 'text', value: 'Once upon a time' } as const;
  const events = await eventsOf(client, { model, input, maxTokens: 6 });
  return events
    .flatMap(({ event }) => (event?.$case === 'step' ? event.value.tokens : []))
    .map(token => token.text)
    .join('');
}

/** Resolves when a server has said that it is not ready. */
function complaint({ child }: Running): Promise<void> {
  return new Promise(resolve => {
    child.stderr.on('data', chunk => {
      if (String(chunk).includes('not ready: ')) resolve();
    });
  });
}

describe('outrider serve with a configuration file and a state folder', () => {
  it('has what a client loaded back after it was killed, and no more once that was unloaded', async () => {
    writeFileSync(config, MANIFEST);
    const first = await serving();
    const load = ['load', '-m', basename(DRAFT_FILE), '-a', 'small', '-t', '1', '-c', '256'];
    expect(await first.client(...load, '--draft-for', 'big')).toMatchObject({ exit: 0 });
    const texts = [await written(first.address, 'big'), await written(first.address, 'small')];

    first.server.child.kill('SIGKILL');
    await first.server.exit;
    const second = await serving();

    const { out } = await second.client('models');
    expect(out).toMatch(/\nmodels\/big +ready +target .* models\/small\n/);
    expect(out).toMatch(/\nmodels\/small +ready +draft /);
    expect([await written(second.address, 'big'), await written(second.address, 'small')]).toEqual(
      texts,
    );
    expect(texts.every(each => each.length > 0)).toBe(true);
    expect(statSync(state).mode & 0o777).toBe(0o700);

    expect(await second.client('unload', 'small')).toMatchObject({ exit: 0 });
    second.server.child.kill('SIGTERM');
    expect(await second.server.exit).toBe(0);
    expect(readdirSync(state)).toEqual(['models.json']);
    const third = await serving();

    const { out: left } = await third.client('models');
    expect(left).toMatch(/\nmodels\/big +ready /);
    expect(left).not.toContain('small');
  }, 120_000);

  it('keeps a second server off its folder, which stays with the first', async () => {
    writeFileSync(config, 'port: 0\nmodels: []');
    const { server } = await serving();

    const { exit, err } = await outrider(['serve', '--config', config, '--state-dir', state]);

    expect(exit).toBe(2);
    expect(err).toContain(
      `--state-dir: "${state}" is in use by the server with process id ${server.child.pid ?? 0}`,
    );
  }, 60_000);

  it('serves on without a model that fails, is not ready, and says why', async () => {
    writeFileSync(config, `${MANIFEST}  - { model_id: lost, source: { path: lost.gguf } }\n`);
    const server = start(['serve', '--config', config, '--admin', '127.0.0.1:0', '--json']);
    servers.push(server);
    const [line = ''] = await firstLines(server, 1);
    const said = JSON.parse(line) as { address: string; admin: string };
    await complaint(server);

    const { out } = await outrider(['models', '--address', said.address]);
    expect(out).toMatch(/\nmodels\/big +ready /);
    expect(out).toMatch(/\nmodels\/lost +failed /);
    const ready = await fetch(`http://${said.admin}/readyz`);
    expect([ready.status, await ready.text()]).toEqual([
      503,
      expect.stringMatching(/models\/lost has failed: MODEL_FILE_NOT_FOUND: .*"lost\.gguf"/),
    ]);

    const more = once(server.child.stdout, 'data');
    await outrider(['unload', 'lost', '--address', said.address]);
    expect(String((await more)[0])).toBe('{"event":"ready"}\n');
    server.child.kill('SIGTERM');
    expect(await server.exit).toBe(0);
  }, 60_000);
});

describe('outrider serve with a wrong configuration', () => {
  it.each([
    ['prot: 1', /:1: prot: is not known; known are host, port, /],
    ['port: "x"', /:1: port: "x" is not a whole number/],
    ['port: 1\nhost: 0.0.0.0', /:2: host: host is "0\.0\.0\.0", which is not loopback/],
    ['tls_cert: /no/such.pem\ntls_key: /no/such.key', /tls_cert: /],
    ['state_dir: /dev/null/x', /:1: state_dir: "\/dev\/null\/x" cannot be written: .*ENOTDIR/],
    ['models: [{ model_id: a, sauce: 1 }]', /:1: models\[0\]\.sauce: is not known; known are /],
    ['models:\n- model_id: a\n  role: BOSS', /:3: models\[0\]\.role: needs one of TARGET, DRAFT/],
    ['defaults: { sampling: { temperature: -1 } }', /:1: defaults\.sampling\.temperature: /],
    ['{', /:\d+:\d+: /],
  ])(
    'exits with 2 and says where: %j',
    async (yaml, complaint) => {
      writeFileSync(config, yaml);

      const { exit, out, err } = await outrider(['serve'], { env: { OUTRIDER_CONFIG: config } });

      expect([exit, out]).toEqual([2, '']);
      expect(err).toMatch(complaint);
      expect(err).toContain(`${config}:`);
      expect(err).toContain('remedy: ');
    },
    30_000,
  );
});
