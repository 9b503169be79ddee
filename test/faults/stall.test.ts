import { describe, expect, it } from '@jest/globals';
import { Outrider } from '@outrider/sdk';
import { setTimeout as after } from 'node:timers/promises';
import { scrape, scrapeUntil } from '../support/scrape.js';
import { type Service, startService } from '../support/serve.js';
import { targetOnly } from './target-only.js';

const flags = [...targetOnly, '--admin', '127.0.0.1:0'] as const;
const story = {
  model: 'target',
  prompt: 'Once upon a time',
  maxTokens: 200,
  ignoreEos: true,
  temperature: 0,
} as const;

describe('an engine that hangs', () => {
  it('is reported, then restarted; its streams end and its models come back', async () => {
    const bounds = ['--stall-report-ms', '500', '--stall-restart-ms', '5000'];
    await using service = await startService([...flags, ...bounds]);
    await using client = await Outrider.connect(service.address);
    const expected = await client.generate(story);
    const events = client.generate(story, { maxRetries: 0 })[Symbol.asyncIterator]();
    for (let seen = 0; seen < 4; seen++) await events.next();

    const stopped = stop(service);
    await untilLogged(service, 'engine makes no progress');
    // The page answers although the engine does not.
    const during = await scrape(service.admin);

    expect(during.value('outrider_engine_stalled', { engine: 'default' })).toBe(1);
    await expect(
      (async () => {
        while ((await events.next()).done !== true);
      })(),
    ).rejects.toMatchObject({ code: 'UNAVAILABLE', reason: 'ENGINE_RESTARTED' });
    const again = await client.generate(story, { maxRetries: 50 });
    expect(again.tokenIds).toEqual(expected.tokenIds);
    const { engines } = await client.devices.info();
    expect(engines).toMatchObject([{ running: true, lastExit: 'SIGKILL (stalled)' }]);
    expect(service.enginePid).not.toBe(stopped);
    const later = await scrape(service.admin);
    expect(later.value('outrider_engine_stalled', { engine: 'default' })).toBe(0);
    expect(later.value('outrider_engine_stalls_total')).toBeGreaterThan(0);
  }, 60_000);

  it('is only reported where it is never to be restarted, and goes on when it can', async () => {
    const bounds = ['--stall-report-ms', '300', '--stall-restart-ms', '0'];
    await using service = await startService([...flags, ...bounds]);
    await using client = await Outrider.connect(service.address);
    const expected = await client.generate(story);
    const stream = client.generate(story, { maxRetries: 0 });
    await stream.started();

    const stopped = stop(service);
    await untilLogged(service, 'engine makes no progress');
    process.kill(stopped, 'SIGCONT');

    expect((await stream.result()).tokenIds).toEqual(expected.tokenIds);
    await untilLogged(service, 'engine makes progress again');
    expect(service.enginePid).toBe(stopped);
  }, 60_000);
});

describe('an engine that takes more memory than it may', () => {
  it('is restarted once, not for ever, and serves', async () => {
    await using service = await startService([...flags, '--engine-max-rss', '60']);
    await using client = await Outrider.connect(service.address);
    await scrapeUntil(
      service.admin,
      scraped =>
        scraped.value('outrider_engine_restarts_total') === 1 &&
        scraped.value('outrider_engine_above_max_rss') === 1,
    );

    const text = await client.generate({ ...story, maxTokens: 20 }, { maxRetries: 50 });

    expect(text.tokenIds).toHaveLength(20);
    const { engines } = await client.devices.info();
    expect(engines).toMatchObject([{ running: true, lastExit: 'SIGKILL (memory)', restarts: 1 }]);
    const { metrics } = await scrape(service.admin);
    const [resident] = metrics.get('outrider_engine_resident_memory_bytes') ?? [];
    expect(resident?.value).toBeGreaterThan(60 * 2 ** 20);
  }, 60_000);
});

/** Stops the engine in the midst of whatever it does. */
function stop({ enginePid }: Service): number {
  if (enginePid === undefined) throw new Error('the engine has no process');
  process.kill(enginePid, 'SIGSTOP');
  return enginePid;
}

async function untilLogged(service: Service, message: string): Promise<void> {
  while (!service.log.includes(message)) await after(20);
}
