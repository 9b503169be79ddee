import { parentPort, workerData } from 'node:worker_threads';
import { CodedError } from '../../coded-error.js';
import { EventLineWriter } from '../event-line.js';
import { endsStream } from '../protocol.js';
import { type LoadedThread, loadThread } from './load.js';
import { type FromThread, type ThreadStart } from './messages.js';
import { ModelThread } from './model-thread.js';

/** Entry of a model's thread: loads the model, then serves it. */
function main(): void {
  if (parentPort === null) throw new Error('a model thread runs as a worker');
  const port = parentPort;
  const start = workerData as ThreadStart;
  const line = new EventLineWriter(start.eventLine);
  const post = (message: FromThread): void => {
    if (message.type === 'stream') {
      line.write(message.stream, message.event);
      if (!endsStream(message.event)) return;
    }
    port.postMessage(message);
  };
  let loaded: LoadedThread;
  try {
    loaded = loadThread(start, post);
  } catch (error) {
    if (!(error instanceof CodedError)) post({ type: 'bug', message: String(error) });
    post({ type: 'loadFailed', error: CodedError.from(error).toData() });
    return;
  }
  const thread = new ModelThread(start, loaded, post);
  post({ type: 'loaded', facts: loaded.facts });
  thread.run();
}

main();
