import { describe, expect, it } from '@jest/globals';
import { EngineThreads } from '../../../server/src/engine/engine-threads.js';
import { type ThreadJob } from '../../../server/src/engine/thread/job.js';

/** How a job of the threads below ends. */
type Ending = 'over' | 'closes' | 'throws';

// Says which thread it is before it ends.
const entry = new URL(
  `data:text/javascript,${encodeURIComponent(`
    import { parentPort, threadId } from 'node:worker_threads';
    parentPort.on('message', ({ ending }) => {
      parentPort.postMessage({ type: 'thread', threadId });
      if (ending === 'throws') throw new Error('out of luck');
      if (ending === 'closes') parentPort.close();
      else parentPort.postMessage({ type: 'over' });
    });
  `)}`,
);

/** Runs a job and returns the number of its thread. */
async function runIn(threads: EngineThreads, ending: Ending): Promise<number> {
  const said: unknown[] = [];
  try {
    await threads.run({ ending } as unknown as ThreadJob, [], message => said.push(message));
  } catch (error) {
    expect(String(error)).toBe('Error: out of luck');
    expect(ending).toBe('throws');
  }
  expect(said).toHaveLength(1);
  return (said[0] as { threadId: number }).threadId;
}

function runSeveral(threads: EngineThreads, count: number): Promise<number[]> {
  return Promise.all(Array.from({ length: count }, () => runIn(threads, 'over')));
}

describe('the threads of an engine', () => {
  it('do one job after another', async () => {
    const threads = new EngineThreads(entry);

    const first = await runIn(threads, 'over');

    expect(await runIn(threads, 'over')).toBe(first);
    expect(await runIn(threads, 'over')).toBe(first);
  });

  it('do one job at a time', async () => {
    const threads = new EngineThreads(entry);

    const first = await runSeveral(threads, 3);
    const second = await runSeveral(threads, 3);

    expect(new Set(first).size).toBe(3);
    expect(new Set(second)).toEqual(new Set(first));
  });

  it.each<Ending>(['closes', 'throws'])(
    'are not used again after a job that %s before its last word',
    async ending => {
      const threads = new EngineThreads(entry);

      const first = await runIn(threads, ending);

      expect(await runIn(threads, 'over')).not.toBe(first);
    },
  );

  it('wait for the next job in a number that is bounded', async () => {
    const threads = new EngineThreads(entry);

    const first = new Set(await runSeveral(threads, 6));
    const second = await runSeveral(threads, 6);

    expect(second.filter(thread => first.has(thread))).toHaveLength(4);
  });
});
