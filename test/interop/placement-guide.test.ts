import { execFile } from 'node:child_process';
import { copyFileSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { type LoadOptions, Outrider } from '@outrider/sdk';
import { outrider } from '../integration/cli/command.js';
import { writeMixture } from '../support/mixture.js';
import { embedded } from '../support/native-engine.js';
import { small } from '../support/placed.js';
import { type GuideWay, readGuide } from '../support/placement-guide.js';
import { type Service, startService } from '../support/serve.js';
import { describeOnGpus, gpuTitle, twoVulkanDevices } from '../support/vulkan.js';

const root = fileURLToPath(new URL('../..', import.meta.url));
const directory = mkdtempSync(path.join(os.tmpdir(), 'outrider-guide-'));
const guide = readGuide();
/** Layers of both models on the first card, the second, and the CPU, by the guide's ways in their order. */
const expected: readonly (readonly [big: number[], little: number[]])[] = [
  [
    [6, 0, 0],
    [3, 0, 0],
  ],
  [
    [6, 0, 0],
    [0, 3, 0],
  ],
  [
    [5, 1, 0],
    [0, 3, 0],
  ],
  [
    [6, 0, 0],
    [0, 0, 3],
  ],
  [
    [3, 0, 0],
    [3, 0, 0],
  ],
  [
    [0, 0, 6],
    [0, 0, 3],
  ],
];
/** Nothing is generated here, so the smallest will do. */
const tiny = { ...small, batchSize: 4, microBatchSize: 4 };
/** What the guide leaves to defaults, in numbers that a software GPU bears. */
const environment = {
  ...twoVulkanDevices,
  OUTRIDER_CTX_SIZE: String(tiny.contextLength),
  OUTRIDER_PARALLEL: String(tiny.parallelSequences),
  OUTRIDER_BATCH_SIZE: String(tiny.batchSize),
  OUTRIDER_UBATCH_SIZE: String(tiny.microBatchSize),
  OUTRIDER_THREADS: '1',
  OUTRIDER_THREADS_DRAFT: '1',
};

describeOnGpus(`the placement guide, with Vulkan for CUDA${gpuTitle}`, () => {
  let service: Service;
  let client: Outrider;

  beforeAll(async () => {
    copyFileSync(embedded.target, path.join(directory, 'big.gguf'));
    copyFileSync(embedded.draft, path.join(directory, 'small.gguf'));
    writeMixture(embedded.draft, path.join(directory, 'moe.gguf'));
    // Started as the first way says; the others follow by `outrider load`.
    const flags = here(guide.ways[0]?.flags ?? []).map(flag =>
      flag.endsWith('.gguf') ? path.join(directory, flag) : flag,
    );
    service = await startService([...flags, '--model-root', directory], environment);
    client = await Outrider.connect(service.address);
  }, 90_000);

  afterAll(async () => {
    await client.close();
    await service.stop();
    rmSync(directory, { recursive: true, force: true });
  });

  /** Layers by device of both models; then both are gone. */
  const takeDown = async () => {
    const layers = [];
    for (const id of ['big', 'small']) {
      const { placement } = await client.models.get(id);
      const of = (name: string) =>
        placement?.usage.find(({ device }) => device === name)?.layers ?? 0;
      layers.push(['Vulkan0', 'Vulkan1', 'cpu'].map(of));
    }
    for (const id of ['small', 'big']) await client.models.unload(id, { force: true });
    return layers;
  };

  it('starts a server as it says', async () => {
    expect(await takeDown()).toEqual(expected[0]);
  }, 60_000);

  it.each(guide.ways.map((way, i): [string, GuideWay, number] => [way.heading, way, i]))(
    'does the same by flags, by call and by program: %s',
    async (_heading, { flags, calls, program }, i) => {
      const options = { env: environment, cwd: directory };
      const { exit, err } = await outrider(
        ['load', ...here(flags), '--address', service.address],
        options,
      );
      expect({ exit, err }).toMatchObject({ exit: 0 });
      expect(await takeDown()).toEqual(expected[i]);

      await shell(guide.definition, calls, service.address);
      expect(await takeDown()).toEqual(expected[i]);

      await run(program, client);
      expect(await takeDown()).toEqual(expected[i]);
    },
    120_000,
  );

  it('plans by command and by program, and reads the result', async () => {
    const [command = []] = guide.commands;
    const [plan = ''] = guide.programs;
    const result = guide.programs.at(-1) ?? '';

    const planned = await outrider(here(command), { env: environment, cwd: directory });
    const byProgram = await run(plan, client);
    const read = await run(result, client);
    await client.models.unload('big');

    expect(planned).toMatchObject({ exit: 0 });
    expect(planned.out).toMatch(/^target +Vulkan0 +6\/6 /m);
    expect(byProgram).toContainEqual(expect.stringMatching(/^Vulkan0: \d+ of \d+ bytes, fits$/));
    expect(read).toContain('6 of 6 layers on devices');
    expect(read).toContainEqual(expect.stringMatching(/^Vulkan0: 6 layers, \d{7} bytes$/));
  }, 60_000);

  it('shows programs that compile', () => {
    const compiled = readFileSync(path.join(root, 'examples/placement.ts'), 'utf8');
    const indented = (code: string) => code.replaceAll(/^(?=.)/gm, '  ');

    // Beside the ways: the plan, the remote devices, the result.
    expect(guide.programs).toHaveLength(expected.length + 3);
    expect(guide.programs.filter(code => !compiled.includes(indented(code)))).toEqual([]);
    expect(guide.ways).toHaveLength(expected.length);
  });
});

/** For this machine: its devices, and one thread. */
function here(words: readonly string[]): string[] {
  return words.map((word, i) =>
    /^-t[d]?$/.test(words[i - 1] ?? '') ? '1' : word.replaceAll('CUDA', 'Vulkan'),
  );
}

/** Runs calls in a shell, with small options beside their own. */
async function shell(definition: string, calls: string, address: string): Promise<void> {
  const smaller = calls.replaceAll(/'([^']+)'/g, (_quoted, json: string) => {
    const request = JSON.parse(json.replaceAll('CUDA', 'Vulkan')) as { options?: object };
    return `'${JSON.stringify({ ...request, options: { ...request.options, ...tiny } })}'`;
  });
  const script = `set -e\n${definition.replace('localhost:50051', address)}\n${smaller}`;
  const paths = [path.join(root, 'node_modules/.bin'), process.env['PATH']].join(path.delimiter);
  const env = { ...process.env, PATH: paths, BUF_CACHE_DIR: path.join(directory, 'buf') };
  await promisify(execFile)('bash', ['-c', script], { env, cwd: directory });
}

/** Runs a program of the guide, with small options beside its own, and returns what it prints. */
async function run(program: string, client: Outrider): Promise<string[]> {
  const printed: string[] = [];
  const models = {
    get: (name: string) => client.models.get(name),
    plan: (...given: Parameters<typeof client.models.plan>) => client.models.plan(...given),
    load: (request: LoadOptions) =>
      client.models.load({ ...request, options: { ...request.options, ...tiny } }),
  };
  const code = program.replaceAll('CUDA', 'Vulkan').replaceAll(' as const', '');
  // The only way to a function whose text may await.
  const AsyncFunction = run.constructor as new (
    ...text: string[]
  ) => (...given: unknown[]) => Promise<void>;
  await new AsyncFunction('client', 'console', code)(
    { models },
    { log: (line: string) => printed.push(line) },
  );
  return printed;
}
