import { CodedError } from '../coded-error.js';
import { type EngineThreads } from './engine-threads.js';
import { type DryRunFacts, type DryRunStart, type FromDryRun } from './thread/dry-run-messages.js';

/**
 * Opens a model in a thread without allocating anything for it, so that the log tells where it would go.
 * @throws CodedError BAD_MODEL_FILE, ENGINE_ERROR as a load would
 */
export async function dryRun(threads: EngineThreads, start: DryRunStart): Promise<DryRunFacts> {
  const said: FromDryRun[] = [];
  // Waited for to its end: until then it may still write to the log.
  await threads.run({ type: 'dryRun', start }, [], message => said.push(message as FromDryRun));
  const [last] = said;
  if (last === undefined) throw new CodedError('ENGINE_ERROR', 'the dry run ended without a word');
  if (last.type === 'failed') throw CodedError.fromData(last.error);
  return last.facts;
}
