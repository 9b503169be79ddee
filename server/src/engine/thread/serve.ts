import { CodedError } from '../../coded-error.js';
import { EventLineWriter } from '../event-line.js';
import { endsStream } from '../protocol.js';
import { ComputeTeam } from './compute-team.js';
import { isRefusal } from './job.js';
import { type LoadedThread, loadThread } from './load.js';
import { type FromThread, type ThreadStart } from './messages.js';
import { ModelThread } from './model-thread.js';

/**
 * Loads a model and serves it until it is told to stop; then everything native is freed.
 * @param tell what the switchboard hears
 * @returns whether the thread is as it was before
 */
export function serve(start: ThreadStart, tell: (message: FromThread) => void): boolean {
  const line = new EventLineWriter(start.eventLine);
  let sound = true;
  const post = (message: FromThread): void => {
    if (message.type === 'bug' || message.type === 'fault') sound = false;
    if (message.type === 'stream') {
      line.write(message.stream, message.event);
      if (!endsStream(message.event)) return;
    }
    tell(message);
  };
  const { threads, threadsBatch } = start.options;
  const team = new ComputeTeam(start.teams, Math.max(threads, threadsBatch));
  let loaded: LoadedThread;
  try {
    loaded = loadThread(start, post);
  } catch (error) {
    team.leave();
    start.inbox.close();
    if (!(error instanceof CodedError)) post({ type: 'bug', message: String(error) });
    post({ type: 'loadFailed', error: CodedError.from(error).toData() });
    return isRefusal(error);
  }
  const thread = new ModelThread(start, loaded, post, team);
  post({ type: 'loaded', facts: loaded.facts });
  thread.run();
  team.leave();
  return sound;
}
