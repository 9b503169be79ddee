import { setTimeout as delay } from 'node:timers/promises';
import { type Outrider } from '@outrider/sdk';

const GAUGES = ['outrider_num_requests_running', 'outrider_num_requests_waiting'] as const;

/**
 * Work that is still there although nobody waits for it, and models that should be gone; none when all is well within
 * `patienceMs` milliseconds.
 * @param admin `host:port` of the server's metrics
 */
export async function leftAfter(
  client: Outrider,
  admin: string | undefined,
  patienceMs: number,
): Promise<string[]> {
  const lateAt = performance.now() + patienceMs;
  for (;;) {
    const left = [...(await busyModels(client)), ...(await busyGauges(admin))];
    if (left.length === 0 || performance.now() > lateAt) return left;
    await delay(100);
  }
}

/** Lines of a server's log that tell of errors, and whatever was said beside the log: warnings of Node, stacks. */
export function complaintsIn(log: string): string[] {
  return log.split('\n').filter(line => {
    const usual = line === '' || line.startsWith('outrider: no --model given');
    return !usual && !/^\{"level":[34]0,/.test(line);
  });
}

async function busyModels(client: Outrider): Promise<string[]> {
  const models = await client.models.list();
  return models.flatMap(({ name, activeGenerations, activeDrafts, queuedGenerations }) => {
    const busy = activeGenerations + activeDrafts + queuedGenerations;
    return [
      ...(busy === 0 ? [] : [`${name} still has ${busy} streams, drafts or waiting requests`]),
      ...(name.startsWith('models/extra-') ? [`${name} is still loaded`] : []),
    ];
  });
}

async function busyGauges(admin: string | undefined): Promise<string[]> {
  if (admin === undefined) throw new Error('the server has no admin port');
  const text = await (await fetch(`http://${admin}/metrics`)).text();
  return GAUGES.flatMap(gauge => {
    const values = [...text.matchAll(new RegExp(`^${gauge}(?:\\{.*\\})? (\\S+)$`, 'gm'))];
    if (values.length === 0) return [`there is no ${gauge}`];
    const sum = values.reduce((total, [, value]) => total + Number(value), 0);
    return sum === 0 ? [] : [`${gauge} is still ${sum}`];
  });
}
