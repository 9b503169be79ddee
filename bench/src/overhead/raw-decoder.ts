import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import { type FromRawWorker, type RawSchedule, type RawStart } from './raw-messages.js';

/** `llama_decode` called directly, on a thread of its own as in the engine. */
export interface RawDecoder extends AsyncDisposable {
  /** Runs the passes of a generation; how long each step took, in microseconds. */
  replay(schedule: RawSchedule): Promise<readonly number[]>;
}

/**
 * Loads the model a second time, into this process.
 * @throws Error when llama.cpp cannot load it
 */
export async function startRawDecoder(start: RawStart): Promise<RawDecoder> {
  const worker = new Worker(new URL('./raw-worker.js', import.meta.url), { workerData: start });
  await answerOf(worker, 'ready');
  return {
    replay: async schedule => {
      worker.postMessage(schedule);
      return (await answerOf(worker, 'timed')).stepsUs;
    },
    [Symbol.asyncDispose]: async () => {
      await worker.terminate();
    },
  };
}

async function answerOf<T extends FromRawWorker['type']>(
  worker: Worker,
  type: T,
): Promise<Extract<FromRawWorker, { type: T }>> {
  // `once` rejects with what the worker throws.
  const [message] = (await once(worker, 'message')) as [FromRawWorker];
  if (message.type !== type) throw new Error(`the raw decoder said ${message.type}, not ${type}`);
  return message as Extract<FromRawWorker, { type: T }>;
}
