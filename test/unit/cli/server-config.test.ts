import { describe, expect, it } from '@jest/globals';
import { SpeculationMode } from '@outrider/sdk/proto';
import { COMMANDS } from '../../../server/src/cli/commands.js';
import { serveConfig } from '../../../server/src/cli/serve-config.js';
import { settingsOf } from './settings-of.js';

const FLAGS = COMMANDS.find(command => command.name === 'serve')?.flags ?? [];

describe('the configuration of serve', () => {
  it.each([
    [['--host', 'localhost'], { host: 'localhost' }],
    [['--port', '0'], { port: 0 }],
    [['--listen', 'unix:///run/o.sock'], { listen: 'unix:///run/o.sock' }],
    [['--model-root', 'a', '--model-root', 'b'], { modelRoots: ['a', 'b'] }],
    [['--host', '0.0.0.0', '--insecure'], { host: '0.0.0.0', insecure: true }],
    [['--admin', 'off'], { admin: 'off' }],
    [['--allow-synthetic'], { allowSynthetic: true }],
    [['--no-cache-prompt'], { cachePrompt: false }],
    [['--tls-cert', 'c.pem', '--tls-key', 'k.pem'], { tlsCert: 'c.pem', tlsKey: 'k.pem' }],
    [
      ['--tls-cert', 'c.pem', '--tls-key', 'k.pem', '--tls-ca', 'a.pem', '--host', '0.0.0.0'],
      { tlsCa: 'a.pem', host: '0.0.0.0' },
    ],
    [['--api-key-file', 'keys'], { apiKeyFile: 'keys' }],
    [['--max-queue', '3'], { maxQueue: 3 }],
    [['--slow-consumer-ms', '500'], { slowConsumerMs: 500 }],
    [['--drain-ms', '0'], { drainMs: 0 }],
    [['--drain-delay-ms', '5000'], { drainDelayMs: 5000 }],
    [['--state-dir', '/var/lib/outrider'], { stateDir: '/var/lib/outrider' }],
    [
      ['--stall-report-ms', '1', '--stall-restart-ms', '2'],
      { stallReportMs: 1, stallRestartMs: 2 },
    ],
    [['--stall-restart-ms', '0'], { stallRestartMs: 0 }],
    [['--engine-max-rss', '4096'], { engineMaxRss: 4096 }],
    [['--reflection', 'off'], { reflection: 'off' }],
    [['--llama-dir', '/opt/llama'], { llamaDir: '/opt/llama' }],
    [['--rpc', '10.0.0.7:50052, far:1'], { rpc: ['10.0.0.7:50052', 'far:1'] }],
    [['--temp', '0.5', '--top-k', '3'], { defaults: { sampling: { temperature: 0.5, topK: 3 } } }],
    [
      ['--speculation', '6'],
      { defaults: { speculation: { mode: SpeculationMode.FIXED, maxDraftTokens: 6 } } },
    ],
  ])('takes %j', async (argv, expected) => {
    expect(await configFor(argv)).toMatchObject(expected);
  });

  it('has the documented defaults', async () => {
    expect(await configFor([])).toMatchObject({
      host: '127.0.0.1',
      port: 50051,
      listen: undefined,
      modelRoots: [process.cwd()],
      maxQueue: 64,
      slowConsumerMs: 30_000,
      drainMs: 30_000,
      drainDelayMs: 0,
      stateDir: undefined,
      reflection: 'auto',
      insecure: false,
      allowSynthetic: false,
      cachePrompt: true,
      defaults: { sampling: {}, speculation: {} },
    });
  });

  it('loads the target before its draft', async () => {
    const { models } = await configFor(['-m', '/m/big.gguf', '-md', '/m/small.gguf']);

    expect(models.map(model => [model.modelId, model.draftFor])).toEqual([
      ['big', ''],
      ['small', 'models/big'],
    ]);
  });

  it.each([
    [['--port', '70000'], /^--port: /],
    [['--max-queue', '-1'], /^--max-queue: /],
    [['--drain-ms', '-1'], /^--drain-ms: /],
    [['--drain-delay-ms', '-1'], /^--drain-delay-ms: /],
    [['--model-root', ''], /^--model-root: /],
    [['--stall-restart-ms', '500'], /^--stall-restart-ms: .* is before the report at 10000/],
    [['--engine-max-rss', '-1'], /^--engine-max-rss: /],
    [['--admin', '0.0.0.0:9464'], /^--admin: .*not loopback/],
    [['--listen', '/run/o.sock'], /^--listen: only unix:\/\/\/path is understood/],
    [['--host', '0.0.0.0'], /^--host: .*not loopback/],
    [['--tls-cert', 'c.pem'], /^--tls-key: is missing/],
    [['--tls-ca', 'a.pem'], /^--tls-cert: is missing/],
    [['--rpc', 'far'], /^--rpc: host:port is needed/],
    [['--rpc', 'far:1,far:1'], /^--rpc: a worker is named twice/],
    [['--reflection', 'maybe'], /^--reflection: "maybe" is none of auto, on, off/],
    [['--listen', 'unix:///o.sock', '--port', '1'], /^--listen and --port exclude each other/],
  ])('refuses %j and names the flag', async (argv, complaint) => {
    await expect(configFor(argv)).rejects.toThrow(complaint);
  });

  it('lets a typed host and port win over a socket of the environment', async () => {
    const config = await configFor(['--port', '7'], { OUTRIDER_LISTEN: 'unix:///o.sock' });

    expect([config.port, config.listen]).toEqual([7, undefined]);
  });
});

async function configFor(argv: readonly string[], env: Readonly<Record<string, string>> = {}) {
  const settings = await settingsOf(FLAGS, argv, env);
  return (await serveConfig(settings)).config;
}
