import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { setTimeout as after } from 'node:timers/promises';
import { type Generation, type GenerationResult, type Model, Outrider } from '@outrider/sdk';
import { scrapeUntil } from '../support/scrape.js';
import { type Service, startService } from '../support/serve.js';
import { seed } from './seed.js';
import { targetOnly } from './target-only.js';

/** Engines at a time, so that one works while another waits for its restart. */
const ENGINES = ['left', 'right'] as const;
/** A model that is at work at three deaths within a minute is not reloaded, so its engine dies twice. */
const WAVES = 2;
const ROUNDS = 5;
const KILLS = ENGINES.length * WAVES * ROUNDS;

const drafted = { mode: 'fixed', maxDraftTokens: 4, onUnavailable: 'best_effort' } as const;
const requests = [
  { maxTokens: 60, speculation: 'off', temperature: 0 },
  { maxTokens: 60, speculation: drafted, temperature: 0.8, seed: 5 },
  { maxTokens: 12, speculation: 'auto', temperature: 0 },
] as const;

const DRAFTED = 1;

/** What a load spends no more time on than it must. */
const quick = {
  threads: 1,
  calibrate: false,
  contextLength: 128,
  parallelSequences: requests.length,
  batchSize: 32,
  microBatchSize: 32,
} as const;

interface Kill {
  /** Steps of a stream after which it comes. */
  readonly afterSteps: number;
  /** So much later, to hit any part of a tick. */
  readonly delayMs: number;
}

let service: Service;
let client: Outrider;
let steadyPid: number | undefined;
let expected: readonly GenerationResult[];

beforeAll(async () => {
  service = await startService([...targetOnly, '--admin', '127.0.0.1:0']);
  client = await Outrider.connect(service.address);
  steadyPid = service.enginePid;
  expected = await Promise.all(streamsOn('target'));
}, 90_000);

afterAll(async () => {
  await client.close();
  await service.stop();
});

describe('engines that are killed at any tick', () => {
  it('end every stream with the right text or ENGINE_RESTARTED, and come back with their models', async () => {
    const kills: Kill[] = fc.sample(
      fc.record({ afterSteps: fc.integer({ min: 1, max: 25 }), delayMs: fc.nat({ max: 15 }) }),
      { seed: seed(), numRuns: KILLS },
    );
    const ends: string[] = [];

    for (let round = 0; round < ROUNDS; round++) {
      // A model alone drafts from its text; loads are what the time goes into.
      const load = round % 2 === 1 ? loadPair : loadTarget;
      const models = await Promise.all(ENGINES.map(engine => load(engine, round)));
      for (let wave = 0; wave < WAVES; wave++) {
        ends.push(...(await killAll(models, kills.splice(0, ENGINES.length))));
        // A stream may have ended before its engine, so that nothing else tells that the server has noticed.
        while (deaths() < KILLS - kills.length) await after(20);
        await Promise.all(models.map(expectBack));
      }
      for (const { name } of await killed()) await client.models.unload(name);
    }

    expect(ends.filter(end => end === 'ENGINE_RESTARTED').length).toBeGreaterThan(KILLS / 2);
    expect(new Set(ends)).toEqual(new Set(['ENGINE_RESTARTED', 'the right text']));
    expect((await client.devices.info()).engines).toMatchObject([
      { name: 'default', running: true, restarts: 0 },
    ]);
    expect(service.enginePids).toEqual([steadyPid]);
  }, 400_000);

  it('leave a server without a stream, that regrets nothing and drains', async () => {
    await untilNoneRuns();
    const [first] = await Promise.all(streamsOn('target'));

    expect(first?.tokenIds).toEqual(expected[0]?.tokenIds);
    expect(deaths()).toBe(KILLS);
    expect(service.log).not.toMatch(/unhandled|internal error/i);
    expect(await service.stop()).toBe(0);
  }, 60_000);
});

/** Ends of engine processes that the server has noticed. */
function deaths(): number {
  return service.log.match(/"engine process ended"/g)?.length ?? 0;
}

function streamsOn(model: string): Generation[] {
  const common = { model, prompt: 'Once upon a time', ignoreEos: true };
  return requests.map(one => client.generate({ ...common, ...one }, { maxRetries: 0 }));
}

/** Loads a target into an engine of its own. @returns its name */
async function loadTarget(engine: string, round: number): Promise<string> {
  const id = `${engine}-${round}`;
  const uri = 'embedded:target';
  const placement = { devices: 'none' } as const;
  const skipMemoryCheck = true;
  await client.models.load({ id, uri, engine, placement, options: quick, skipMemoryCheck });
  return id;
}

/** Loads a target with its draft likewise. @returns the target */
async function loadPair(engine: string, round: number): Promise<string> {
  const draftFor = await loadTarget(engine, round);
  const id = `${draftFor}-draft`;
  const uri = 'embedded:draft';
  const placement = { devices: 'none' } as const;
  await client.models.load({ id, uri, engine, placement, options: quick, draftFor });
  return draftFor;
}

/** Models of the engines that are killed. */
async function killed(): Promise<Model[]> {
  return (await client.models.list()).filter(({ engine }) => engine !== 'default');
}

/** Runs streams on every model and kills every engine but the default one under them. @returns how each stream has ended */
async function killAll(models: readonly string[], kills: readonly Kill[]): Promise<string[]> {
  const victims = service.enginePids.filter(pid => pid !== steadyPid);
  expect(victims).toHaveLength(kills.length);
  const ends = models.map(async (model, index) => {
    const streams = streamsOn(model);
    const [first, ...others] = streams;
    const results = others.map(stream => stream.result());
    const settled = Promise.allSettled(results);
    const firstEnd = await killUnder(first, victims[index], kills[index]);
    return [firstEnd, ...(await settled)].map((end, i) => endOf(end, expected[i]));
  });
  return (await Promise.all(ends)).flat();
}

/** Reads a stream, and kills the engine in the midst of it. */
async function killUnder(
  stream: Generation | undefined,
  victim: number | undefined,
  kill: Kill | undefined,
): Promise<PromiseSettledResult<GenerationResult>> {
  if (stream === undefined || victim === undefined || kill === undefined)
    throw new Error('there is nothing to kill');
  let left = kill.afterSteps;
  try {
    for await (const { type } of stream) {
      if (type !== 'step' || --left !== 0) continue;
      await after(kill.delayMs);
      process.kill(victim, 'SIGKILL');
    }
    return { status: 'fulfilled', value: await stream.result() };
  } catch (reason) {
    return { status: 'rejected', reason };
  } finally {
    // The stream's own engine was killed earlier, from beside another one.
    if (left > 0) process.kill(victim, 'SIGKILL');
  }
}

function endOf(
  end: PromiseSettledResult<GenerationResult>,
  wanted: GenerationResult | undefined,
): string {
  if (end.status === 'rejected') {
    const { reason, code } = end.reason as { reason?: string; code?: string };
    return code === 'UNAVAILABLE' && reason !== undefined ? reason : String(end.reason);
  }
  const same = end.value.tokenIds.join() === wanted?.tokenIds.join();
  return same ? 'the right text' : `a wrong text: ${end.value.text}`;
}

/** A model is there again by itself, and the next request gets its draft, if it had one, and the right text. */
async function expectBack(target: string): Promise<void> {
  const models = (await killed()).map(({ name }) => name);
  await Promise.all(models.filter(name => name.startsWith(`models/${target}`)).map(untilReady));
  const again = await streamsOn(target)[DRAFTED];

  expect(again?.tokenIds).toEqual(expected[DRAFTED]?.tokenIds);
  const draft = models.find(name => name === `models/${target}-draft`);
  expect(again?.started.speculation.draftModel).toBe(draft);
}

async function untilReady(model: string): Promise<void> {
  for (;;) {
    const { state } = await client.models.get(model);
    if (state === 'ready') return;
    expect(['reloading', 'ready']).toContain(state);
    await after(20);
  }
}

async function untilNoneRuns(): Promise<void> {
  await scrapeUntil(service.admin, scraped =>
    ['requests_running', 'requests_waiting', 'drafts_running'].every(
      what => scraped.value(`outrider_num_${what}`) === 0,
    ),
  );
}
