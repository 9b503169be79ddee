import { parentPort } from 'node:worker_threads';
import { runDry } from './dry-run.js';
import { type JobOver, type ThreadJob } from './job.js';
import { serve } from './serve.js';

/** Entry of an engine's threads: does one job after another, until one leaves it in doubt. */
function main(): void {
  if (parentPort === null) throw new Error('a thread of the engine runs as a worker');
  const port = parentPort;
  const tell = (message: unknown): void => port.postMessage(message);
  port.on('message', (job: ThreadJob) => {
    if (!run(job, tell)) {
      port.close();
      return;
    }
    tell({ type: 'over' } satisfies JobOver);
    // A thread that only waits does not collect by itself, and a large vocabulary would stay with it.
    gc?.();
  });
}

function run(job: ThreadJob, tell: (message: unknown) => void): boolean {
  switch (job.type) {
    case 'serve':
      return serve(job.start, tell);
    case 'dryRun':
      return runDry(job.start, tell);
  }
}

main();
