import { Worker } from 'node:worker_threads';
import { CodedError } from '../coded-error.js';
import { type DryRunFacts, type DryRunStart, type FromDryRun } from './thread/dry-run-messages.js';

/**
 * Opens a model in a short-lived thread without allocating anything for it, so that the log tells where it would go.
 * @throws CodedError BAD_MODEL_FILE, ENGINE_ERROR as a load would
 */
export async function dryRun(start: DryRunStart): Promise<DryRunFacts> {
  const worker = new Worker(new URL('./thread/dry-run-thread.js', import.meta.url), {
    workerData: start,
    name: 'dry run',
  });
  let said: FromDryRun | undefined;
  worker.on('message', (message: FromDryRun) => {
    said = message;
  });
  // Waited for to its end: until then it may still write to the log.
  await new Promise<void>((resolve, reject) => {
    worker.once('error', reject);
    worker.once('exit', () => resolve());
  });
  if (said === undefined) throw new CodedError('ENGINE_ERROR', 'the dry run ended without a word');
  if (said.type === 'failed') throw CodedError.fromData(said.error);
  return said.facts;
}
