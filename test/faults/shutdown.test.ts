import { describe, expect, it } from '@jest/globals';
import { Outrider } from '@outrider/sdk';
import { isAlive } from '../support/is-alive.js';
import { startService } from '../support/serve.js';
import { targetOnly } from './target-only.js';

const story = {
  model: 'target',
  prompt: 'Once upon a time',
  ignoreEos: true,
  temperature: 0,
} as const;

// Long enough for streams that nothing but an end by force ends in time.
const longContext = ['-c', '32768'] as const;

describe('a server that is told to stop under load', () => {
  it('finishes what it has accepted, refuses what is new, and exits with 0', async () => {
    await using service = await startService(targetOnly);
    await using client = await Outrider.connect(service.address);
    const want = { ...story, maxTokens: 200 };
    const expected = await client.generate(want);
    const streams = Array.from({ length: 3 }, () => client.generate(want, { maxRetries: 0 }));
    const ends = Promise.all(streams.map(stream => stream.result()));
    await Promise.all(streams.map(stream => stream.started()));

    const gone = service.kill('SIGTERM');
    const refusal = await refused(client);

    expect(refusal).toMatchObject({ code: 'UNAVAILABLE' });
    for (const { tokenIds } of await ends) expect(tokenIds).toEqual(expected.tokenIds);
    await gone;
    // It has ended by then, so that nothing is sent to it.
    expect(await service.stop()).toBe(0);
    expect(service.log).toContain('"outcome":"clean"');
  }, 60_000);

  it('is ended by a second signal, and its engine with it', async () => {
    await using service = await startService([
      ...targetOnly,
      ...longContext,
      '--drain-ms',
      '600000',
    ]);
    await using client = await Outrider.connect(service.address);
    // One sequence stays free: a request that comes before the signal must be answered, not queued behind these.
    const streams = Array.from({ length: 3 }, () =>
      client.generate({ ...story, maxTokens: 30_000 }, { maxRetries: 0 }),
    );
    const ends = Promise.allSettled(streams.map(stream => stream.result()));
    await Promise.all(streams.map(stream => stream.started()));
    const { enginePid: engine = 0 } = service;

    const gone = service.kill('SIGTERM');
    await refused(client);
    process.kill(service.pid, 'SIGTERM');
    await gone;

    expect(await service.stop()).toBe(130);
    for (const end of await ends)
      expect(end).toMatchObject({ status: 'rejected', reason: { code: 'UNAVAILABLE' } });
    expect(engine).toBeGreaterThan(0);
    while (isAlive(engine)) await new Promise(resolve => setTimeout(resolve, 10));
  }, 60_000);
});

/** Asks until a request is refused, and says how. */
async function refused(client: Outrider): Promise<unknown> {
  for (;;) {
    try {
      await client.generate({ ...story, maxTokens: 1 }, { maxRetries: 0 });
    } catch (error) {
      return error;
    }
  }
}
