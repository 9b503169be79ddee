import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from '@jest/globals';
import { GpuLayersPreset, Role, SpeculationMode, UnavailablePolicy } from '@outrider/sdk/proto';
import { COMMANDS } from '../../../server/src/cli/commands.js';
import { serveConfig } from '../../../server/src/cli/serve-config.js';
import { settingsOf } from './settings-of.js';

const FLAGS = COMMANDS.find(command => command.name === 'serve')?.flags ?? [];
const FOLDER = mkdtempSync(join(tmpdir(), 'outrider-config-'));
const FILE = join(FOLDER, 'outrider.yaml');

afterAll(() => rmSync(FOLDER, { recursive: true }));

describe('a configuration file', () => {
  it('says what the flags of the server say', async () => {
    const { config } = await started(`
      host: localhost
      port: 7
      admin: off
      model_root: [a, b]
      rpc: [far:1, near:2]
      insecure: true
      max_queue: 3
      drain_delay_ms: 5000
      reflection: on
      state_dir: /var/lib/outrider
    `);

    expect(config).toMatchObject({
      host: 'localhost',
      port: 7,
      admin: 'off',
      modelRoots: ['a', 'b'],
      rpc: ['far:1', 'near:2'],
      insecure: true,
      maxQueue: 3,
      drainDelayMs: 5000,
      reflection: 'on',
      stateDir: '/var/lib/outrider',
    });
  });

  it('has the models of a start, in words of the contract', async () => {
    const { config, models } = await started(`
      models:
        - model_id: big
          source: { path: big.gguf }
          placement: { devices: [CUDA0, CUDA1], tensor_split: [3, 1], gpu_layers: { preset: ALL } }
          options: { context_length: 8192, parallel_sequences: 2, calibrate: false }
        - model_id: small
          source: { path: small.gguf }
          draft_for: big
          role: ROLE_DRAFT
          placement: { devices: [none], memory_margin_bytes: 1073741824 }
          on_unavailable: BEST_EFFORT
    `);

    expect(models.manifest).toBe(true);
    expect(config.models).toMatchObject([
      {
        modelId: 'big',
        source: { source: { $case: 'path', value: 'big.gguf' } },
        placement: {
          devices: ['CUDA0', 'CUDA1'],
          tensorSplit: [3, 1],
          gpuLayers: { layers: { $case: 'preset', value: GpuLayersPreset.ALL } },
        },
        options: { contextLength: 8192, parallelSequences: 2, calibrate: false },
      },
      {
        modelId: 'small',
        draftFor: 'big',
        role: Role.DRAFT,
        placement: { devices: ['none'], memoryMarginBytes: 1_073_741_824 },
        onUnavailable: UnavailablePolicy.BEST_EFFORT,
      },
    ]);
  });

  it('may be the one of the documentation', async () => {
    const page = readFileSync(new URL('../../../docs/api.md', import.meta.url), 'utf8');
    const [, example = ''] = /```yaml\n(.*?)```/s.exec(page) ?? [];

    const { config } = await started(example);

    expect(config.drainDelayMs).toBe(5000);
    expect(config.models.map(({ modelId }) => modelId)).toEqual(['big', 'small']);
  });

  it('may say nothing, and then the embedded pair is loaded', async () => {
    const { config, models } = await started('# nothing yet\n');

    expect(config.port).toBe(50_051);
    expect(config.models.map(({ modelId }) => modelId)).toEqual(['target', 'draft']);
    expect(models.manifest).toBe(false);
  });

  it('may ask for no model', async () => {
    expect((await started('models: []')).config.models).toEqual([]);
  });

  it('is found by the environment', async () => {
    writeFileSync(FILE, 'port: 7');
    const settings = await settingsOf(FLAGS, [], { OUTRIDER_CONFIG: FILE });

    expect((await serveConfig(settings)).config.port).toBe(7);
  });
});

describe('what else is said', () => {
  const yaml = `
    port: 1
    host: localhost
    max_queue: 1
    model_root: [a, b]
    insecure: true
    defaults:
      sampling: { temperature: 0.5, top_k: 5, logit_bias: [{ token_id: 1, bias: 2 }] }
      speculation: { mode: FIXED, max_draft_tokens: 8, sources: [NGRAM], overlap: OVERLAP_OFF }
    models: [{ model_id: big, source: { path: /big.gguf } }]
  `;

  it('beats the file: a flag the environment, the environment the file', async () => {
    const { config } = await started(yaml, ['--port', '3'], {
      OUTRIDER_PORT: '2',
      OUTRIDER_MAX_QUEUE: '2',
      OUTRIDER_INSECURE: 'false',
    });

    expect(config).toMatchObject({ port: 3, maxQueue: 2, host: 'localhost', insecure: false });
  });

  it('replaces lists as a whole', async () => {
    const { config } = await started(yaml, ['--model-root', 'c', '--logit-bias', '7+1']);

    expect(config.modelRoots).toEqual(['c']);
    expect(config.defaults.sampling.logitBias).toEqual([{ tokenId: 7, bias: 1 }]);
  });

  it('beats defaults of the file field by field', async () => {
    const args = ['--temp', '0', '--draft-max', '4', '--draft-source', 'draft-model,ngram'];
    const { defaults } = (await started(yaml, args)).config;

    expect(defaults.sampling).toMatchObject({ temperature: 0, topK: 5 });
    expect(defaults.speculation).toMatchObject({
      mode: SpeculationMode.FIXED,
      maxDraftTokens: 4,
      sources: ['DRAFT_SOURCE_DRAFT_MODEL', 'DRAFT_SOURCE_NGRAM'],
      overlap: 'OVERLAP_OFF',
    });
  });

  it('replaces all models of the file by --model', async () => {
    const { config, models } = await started(yaml, ['-m', '/other.gguf']);

    expect(config.models.map(({ modelId }) => modelId)).toEqual(['other']);
    expect(models.manifest).toBe(false);
  });

  it('lets a port win over a socket of the file, and a typed socket over a port of the file', async () => {
    const tcp = await started('listen: unix:///o.sock', ['--port', '7']);
    const socket = await started('port: 7', ['--listen', 'unix:///o.sock']);

    expect([tcp.config.listen, tcp.config.port]).toEqual([undefined, 7]);
    expect(socket.config.listen).toBe('unix:///o.sock');
  });

  it('switches off what the file switches on for requests', async () => {
    const { defaults } = (
      await started(
        'defaults: { sampling: { ignore_eos: true }, speculation: { on_unavailable: REQUIRE } }',
        [],
        { OUTRIDER_IGNORE_EOS: 'false', OUTRIDER_REQUIRE_SPECULATION: '0' },
      )
    ).config;

    expect(defaults.sampling.ignoreEos).toBe(false);
    expect(defaults.speculation.onUnavailable).toBe(UnavailablePolicy.UNSPECIFIED);
  });
});

describe('a wrong configuration file is refused', () => {
  const big = 'model_id: big, source: { path: b }';

  it.each([
    ['an unknown key', 'prot: 1', /:1: prot: is not known; known are host, port, /],
    ['a key in the style of JSON', 'maxQueue: 1', /:1: maxQueue: is not known/],
    [
      'an unknown key of a model',
      `models:\n  - { ${big} }\n  - model_id: b\n    placement: { device: [none] }`,
      /:4: models\[1\]\.placement\.device: is not known; known are devices, gpu_layers, /,
    ],
    ['a word for a number', 'port: many', /:1: port: "many" is not a whole number/],
    ['a number out of range', 'port: 70000', /:1: port: /],
    ['a time that is below zero', '\ndrain_delay_ms: -1', /:2: drain_delay_ms: /],
    ['a word for a switch', 'insecure: maybe', /:1: insecure: needs true or false, not "maybe"/],
    ['nothing for a value', 'port:', /:1: port: needs a text or a number, not null/],
    ['a list for a value', 'port: [1]', /:1: port: needs a text or a number, not \[1\]/],
    ['an unknown choice', 'reflection: often', /:1: reflection: "often" is none of auto, on, off/],
    [
      'an open address',
      'host: 0.0.0.0',
      /:1: host: host is "0\.0\.0\.0", which is not loopback; .* needs "insecure"/,
    ],
    ['a socket beside a port', 'listen: unix:///a\nport: 1', /listen and .*:2: port exclude each/],
    [
      'an unknown enum value',
      `models: [{ ${big}, role: HELPER }]`,
      /:1: models\[0\]\.role: needs one of TARGET, DRAFT, not "HELPER"/,
    ],
    [
      'a fraction for a count',
      `models: [{ ${big}, options: { threads: 1.5 } }]`,
      /models\[0\]\.options\.threads: needs a whole number from 0 to 4294967295, not 1.5/,
    ],
    [
      'a number for a text',
      `models: [{ ${big}, engine: 7 }]`,
      /models\[0\]\.engine: needs a text \(in quotes, .*\), not 7/,
    ],
    [
      'two members of a oneof',
      'models: [{ model_id: big, source: { path: a, uri: "embedded:target" } }]',
      /models\[0\]\.source\.uri: excludes path; give one of path, uri/,
    ],
    [
      'a value that no request may have',
      `models: [{ model_id: big }]`,
      /:1: models\[0\]\.source: is/,
    ],
    [
      'a value out of range',
      `models:\n  - ${big.replace(', ', '\n    ')}\n    options: { parallel_sequences: 65 }`,
      /:4: models\[0\]\.options\.parallel_sequences: 65 /,
    ],
    [
      'an unsupported source',
      'models: [{ model_id: big, source: { uri: "hf:u/r" } }]',
      /:1: models\[0\]\.source\.uri: .*not supported yet/,
    ],
    [
      'an id twice',
      `models: [{ ${big} }, { ${big} }]`,
      /models\[1\]\.model_id: "big" is there twice/,
    ],
    [
      'a draft before its target',
      `models: [{ model_id: s, source: { path: s }, draft_for: big }, { ${big} }]`,
      /models\[0\]\.draft_for: "big" is no model before this one; a draft stands after its target/,
    ],
    ['a field for calls', `models: [{ ${big}, detached: true }]`, /models\[0\]\.detached: is for /],
    ['a field for calls', `models: [{ ${big}, replace: true }]`, /models\[0\]\.replace: is for /],
    [
      'a wrong default',
      'defaults: { sampling: { top_p: 2 } }',
      /:1: defaults\.sampling\.top_p: 2 /,
    ],
    [
      'dice as a default',
      'defaults: { speculation: { synthetic: { rates: [1] } } }',
      /synthetic: is never/,
    ],
    ['a list at the top', '- port', /:1: the file: needs an object with host, /],
    [
      'what is no YAML',
      'port: 1\n  host: x: y',
      /outrider\.yaml:1:7: Nested mappings are not allowed/,
    ],
    ['a key twice', 'port: 1\nport: 2', /:2:1: Map keys must be unique/],
    ['an alias of nothing', 'port: *p', /outrider\.yaml: Unresolved alias/],
  ])('for %s: %j', async (_what, yaml, complaint) => {
    const failure = await started(yaml).catch((error: unknown) => error);

    expect(failure).toMatchObject({ reason: 'USAGE', exit: 2 });
    expect(String(failure)).toMatch(complaint);
    expect(String(failure)).toContain(FILE);
  });

  it('with everything that is wrong at once', async () => {
    await expect(started('prot: 1\ninsecure: 3')).rejects.toThrow(/insecure: .*; .*prot: /);
  });

  it('when it is not there', async () => {
    const settings = await settingsOf(FLAGS, ['--config', '/no/such.yaml']);

    await expect(serveConfig(settings)).rejects.toThrow(
      /^--config: \/no\/such\.yaml cannot be read: .*ENOENT/,
    );
  });

  it('for model flags beside its models', async () => {
    await expect(started(`models: [{ ${big} }]`, ['-c', '512'])).rejects.toThrow(
      `--ctx-size needs --model: the models are those of ${FILE}`,
    );
  });
});

async function started(
  yaml: string,
  argv: readonly string[] = [],
  env: Readonly<Record<string, string>> = {},
) {
  writeFileSync(FILE, yaml);
  return serveConfig(await settingsOf(FLAGS, ['--config', FILE, ...argv], env));
}
