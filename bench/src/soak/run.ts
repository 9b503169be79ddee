import { Outrider } from '@outrider/sdk';
import { type PrivateServer, startPrivateServer } from '../private-server.js';
import { residentMemory } from '../processes.js';
import { seededRandom } from '../random.js';
import { ACTS, type SoakClient } from './clients.js';
import { complaintsIn, leftAfter } from './aftermath.js';
import { prepareJobs } from './jobs.js';
import { type Kind, Ledger } from './ledger.js';
import { memoryTrend } from './memory.js';
import { type SoakOptions } from './options.js';
import { type SoakReport } from './report.js';

const FLAGS = [
  ...['--threads', '1', '--threads-draft', '1', '--admin', '127.0.0.1:0'],
  // A stalled reader is ended within a second, so that a soak sees many of them.
  ...['--slow-consumer-ms', '1000'],
  // What llama.cpp sums in another order beside neighbours differs by a millionth then; in f16 by a thousandth, which
  // turns a choice between near equals now and then and would look like a wrong text.
  ...['--cache-type-k', 'f32', '--cache-type-v', 'f32', '--flash-attn', 'off'],
  ...['-ctkd', 'f32', '-ctvd', 'f32', '-fad', 'off'],
];
const SAMPLE_MS = 250;
/** How long any one call may take, queue included, in milliseconds. */
const STUCK_MS = 60_000;
const IDLE_MS = 10_000;

// What clients do, in the proportion in which they do it.
const SHARES: readonly Kind[] = [
  ...(['stream', 'stream', 'stream', 'stream', 'cancel', 'cancel', 'cancel'] as const),
  ...(['deadline', 'deadline', 'slow', 'disconnect', 'disconnect', 'bad', 'bad'] as const),
];
// Every eighth client also loads models, so that there are never many at once.
const LOADERS = 8;

/**
 * Lets mixed clients use a real server for a while and looks at what they leave behind.
 * @param report told what begins, for people
 */
export async function runSoak(
  options: SoakOptions,
  report: (line: string) => void,
): Promise<SoakReport> {
  const ledger = new Ledger();
  let log = '';
  const server = await startPrivateServer(FLAGS, text => (log += text));
  const samples: Samples = { server: [], engine: [] };
  try {
    await useServer(server, options, ledger, samples, report);
  } catch (error) {
    ledger.violate(`the soak broke off: ${describe(error)}`);
  }
  const code = await server.stop();
  if (code !== 0) ledger.violate(`the server ended with ${code ?? 'a signal'}`);
  for (const line of complaintsIn(log)) ledger.violate(`the server said: ${line}`);

  const memory = [memoryTrend('server', samples.server), memoryTrend('engine', samples.engine)];
  for (const { process, growth } of memory) {
    if (growth <= options.growth) continue;
    ledger.violate(`memory of the ${process} has grown by ${(growth * 100).toFixed(1)} %`);
  }
  return { options, counts: ledger.counts, memory, violations: ledger.violations };
}

interface Samples {
  readonly server: number[];
  readonly engine: number[];
}

async function useServer(
  server: PrivateServer,
  options: SoakOptions,
  ledger: Ledger,
  samples: Samples,
  report: (line: string) => void,
): Promise<void> {
  await using client = await Outrider.connect(server.address);
  report('generating every text once, alone');
  const jobs = await prepareJobs(client);
  const endAt = performance.now() + options.minutes * 60_000;
  report(`${options.clients} clients for ${options.minutes} minutes, seed ${options.seed}`);
  const timer = setInterval(() => sample(server, samples), SAMPLE_MS);
  const { address } = server;
  try {
    await Promise.all(
      Array.from({ length: options.clients }, async (_, number) => {
        const random = seededRandom(options.seed * 1000 + number + 1);
        const below = (count: number): number => Math.floor(((random() + 1) / 2) * count);
        while (performance.now() < endAt) {
          const kind = kindOf(number, below);
          await act(kind, { number, address, client, jobs, below }, ledger);
        }
      }),
    );
  } finally {
    clearInterval(timer);
  }
  for (const left of await leftAfter(client, server.admin, IDLE_MS)) ledger.violate(left);
}

function kindOf(number: number, below: (count: number) => number): Kind {
  if (number % LOADERS === 0 && below(4) === 0) return 'load';
  return SHARES[below(SHARES.length)] ?? 'stream';
}

async function act(kind: Kind, soak: Omit<SoakClient, 'signal'>, ledger: Ledger): Promise<void> {
  const stuck = new AbortController();
  const timer = setTimeout(() => stuck.abort(), STUCK_MS);
  try {
    ledger.count(kind, await ACTS[kind]({ ...soak, signal: stuck.signal }));
  } catch (error) {
    const how = stuck.signal.aborted ? `was stuck for ${STUCK_MS} ms` : describe(error);
    ledger.violate(`${kind}: ${how}`);
  } finally {
    clearTimeout(timer);
  }
}

function sample({ pid, enginePid }: PrivateServer, samples: Samples): void {
  samples.server.push(residentMemory(pid).total);
  samples.engine.push(residentMemory(enginePid).total);
}

function describe(error: unknown): string {
  return error instanceof Error ? `${error.name}: ${error.message}` : String(error);
}
