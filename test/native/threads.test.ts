import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { RuntimeOptions } from '@outrider/sdk/proto';
import { copyFileSync, mkdtempSync, readdirSync, rmSync, truncateSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { type EngineClient } from '../../server/dist/engine/client.js';
import { residentBytes } from '../../server/dist/engine/resident-memory.js';
import { describeUnless } from '../support/describe-unless.js';
import {
  drafting,
  embedded,
  greedy,
  loadFile,
  onCpu,
  type Said,
  say,
  startEngine,
} from '../support/native-engine.js';

const sampling = { ...greedy, temperature: 0.9, seed: 7 };

/** Numbers of the threads of an engine's process, as the system gives them and never twice soon. */
function threadsOf(engine: EngineClient): string[] {
  return readdirSync(`/proc/${engine.status().pid ?? 0}/task`).sort();
}

async function planFile(engine: EngineClient, file: string): Promise<void> {
  const options = RuntimeOptions.fromPartial({ threads: 1, calibrate: false });
  await engine.plan({ model: 'models/target', path: file, placement: onCpu, options });
}

/** Loads the pair and lets it speak. */
async function pairSays(engine: EngineClient): Promise<Said> {
  await loadFile(engine, 'models/target', embedded.target);
  await loadFile(engine, 'models/draft', embedded.draft);
  const said = await say(engine, 'Once upon a time', { sampling, speculation: drafting(4) });
  expect(said.completion.speculation.numSpecSteps).toBeGreaterThan(0);
  return said;
}

/** Resolves once a stream of the pair runs that is far from its end; `over` with how that ended. */
async function startLongStream(engine: EngineClient): Promise<{ over: Promise<unknown> }> {
  let begun: () => void = () => undefined;
  const running = new Promise<void>(resolve => (begun = resolve));
  const spec = {
    maxTokens: 400,
    sampling: { ...greedy, ignoreEos: true },
    speculation: drafting(4),
  };
  const over = say(engine, 'The king', spec, () => begun()).catch((error: unknown) => error);
  await running;
  return { over };
}

const [describeOnLinux, linuxTitle] = describeUnless(
  process.platform === 'linux' ? undefined : 'threads are counted in /proc',
);

describeOnLinux(`the thread of an unloaded model${linuxTitle}`, () => {
  let engine: EngineClient;
  let folder: string;

  beforeAll(async () => {
    folder = mkdtempSync(path.join(os.tmpdir(), 'outrider-threads-'));
    engine = await startEngine();
    await loadFile(engine, 'models/target', embedded.target);
    await engine.unload('models/target');
  }, 60_000);

  afterAll(async () => {
    rmSync(folder, { recursive: true });
    await engine.close();
  });

  it('serves the next load, and the next plan', async () => {
    const before = threadsOf(engine);

    await planFile(engine, embedded.target);
    await loadFile(engine, 'models/draft', embedded.draft);
    const during = threadsOf(engine);
    await engine.unload('models/draft');

    expect(during).toEqual(before);
    expect(threadsOf(engine)).toEqual(before);
  }, 60_000);

  it('serves the next load after one that was refused', async () => {
    const before = threadsOf(engine);
    const broken = path.join(folder, 'broken.gguf');
    copyFileSync(embedded.draft, broken);
    truncateSync(broken, 500_000);

    await expect(loadFile(engine, 'models/broken', broken)).rejects.toMatchObject({
      reason: 'BAD_MODEL_FILE',
    });
    await loadFile(engine, 'models/draft', embedded.draft);
    const during = threadsOf(engine);
    await engine.unload('models/draft');

    expect(during).toEqual(before);
  }, 60_000);
});

describeOnLinux(`the memory of a model${linuxTitle}`, () => {
  it('is given back with every unload', async () => {
    const engine = await startEngine();
    const resident = (): number => residentBytes(engine.status().pid ?? 0) ?? 0;
    // A cache of 25 MiB: glibc keeps blocks of that size, unless told otherwise, once it has seen one freed.
    const options = {
      parallelSequences: 8,
      kvTypeK: 'KV_CACHE_TYPE_F32',
      kvTypeV: 'KV_CACHE_TYPE_F32',
    } as const;
    const given: number[] = [];
    let cacheBytes = 0;

    for (let round = 0; round < 3; round++) {
      const { placement } = await loadFile(engine, 'models/target', embedded.target, options);
      const loaded = resident();
      await engine.unload('models/target');
      given.push(loaded - resident());
      cacheBytes = placement.usage[0]?.kvCacheBytes ?? 0;
    }

    expect(cacheBytes).toBeGreaterThan(25_000_000);
    for (const bytes of given) expect(bytes).toBeGreaterThan(0.9 * cacheBytes);
    await engine.close();
  }, 60_000);
});

describe('a model in a thread that had others before', () => {
  it('says what it says in a new engine', async () => {
    const fresh = await startEngine();
    const expected = await pairSays(fresh);
    await fresh.close();
    const engine = await startEngine();

    // Other files under the same names, other sizes of everything, and a stream that is cut off.
    await loadFile(engine, 'models/target', embedded.draft, { contextLength: 256, batchSize: 64 });
    await loadFile(engine, 'models/draft', embedded.target, { parallelSequences: 2 });
    const { over } = await startLongStream(engine);
    await engine.unload('models/draft');
    await engine.unload('models/target');
    expect(await over).toMatchObject({ reason: 'MODEL_UNLOADED' });
    await planFile(engine, embedded.draft);
    const said = await pairSays(engine);

    expect(said).toMatchObject({ ids: expected.ids, text: expected.text });
    expect(said.completion.usage).toEqual(expected.completion.usage);
    await engine.close();
  }, 120_000);

  it('begins with an empty cache', async () => {
    const engine = await startEngine();
    const cachePrompt = true;
    await loadFile(engine, 'models/target', embedded.target);
    const first = await say(engine, 'Once upon a time there was', { cachePrompt });
    await engine.unload('models/target');

    await loadFile(engine, 'models/target', embedded.target);
    const again = await say(engine, 'Once upon a time there was', { cachePrompt });
    const cached = await say(engine, 'Once upon a time there was', { cachePrompt });

    expect([first, again].map(said => said.completion.usage.cachedTokens)).toEqual([0, 0]);
    expect(cached.completion.usage.cachedTokens).toBeGreaterThan(0);
    await engine.close();
  }, 60_000);
});
