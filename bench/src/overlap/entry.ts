import { parentPort } from 'node:worker_threads';
import { type ThreadJob } from '../../../server/dist/engine/thread/job.js';
import { type LoadedThread } from '../../../server/dist/engine/thread/load.js';
import { type FromThread, type ThreadStart } from '../../../server/dist/engine/thread/messages.js';
import { ComputeTeam } from '../../../server/dist/engine/thread/compute-team.js';
import { ModelThread } from '../../../server/dist/engine/thread/model-thread.js';
import { SimulatedDevice, type SimulatedModel, VOCABULARY } from './simulated-device.js';

/** A real model thread on a simulated device; the path of the model is its description. */
function serve(start: ThreadStart, post: (message: FromThread) => void): void {
  const model = JSON.parse(start.path) as SimulatedModel;
  const vocabulary = {
    type: 1,
    size: VOCABULARY,
    addBos: false,
    bos: -1,
    addEos: false,
    eos: -1,
    fingerprint: '',
  };
  const unused = (): never => {
    throw new Error('a simulated model has no text');
  };
  const loaded: LoadedThread = {
    context: new SimulatedDevice(model, start.options.microBatchSize),
    vocabulary: {
      facts: vocabulary,
      eogIds: [],
      texts: [],
      piece: () => Uint8Array.of(32),
      tokenize: unused,
      detokenize: unused,
    },
    facts: {
      vocabulary,
      bosText: '',
      eosText: '',
      chatTemplate: '',
      parameterCount: 0,
      layers: 1,
      trainedContextLength: start.options.contextLength,
      canSpeculate: true,
      cells: start.options.contextLength,
      decodeCosts: [1, 2, 4, 8, 16].map(rows => ({
        rows,
        durationUs: 1000 * (model.firstMs + (rows - 1) * model.furtherMs),
      })),
    },
    free: () => undefined,
  };
  post({ type: 'loaded', facts: loaded.facts });
  new ModelThread(start, loaded, post, new ComputeTeam(start.teams, 1)).run();
}

function main(): void {
  if (parentPort === null) throw new Error('a model thread runs as a worker');
  const port = parentPort;
  // Not used again: a thread per model is what a simulation needs.
  port.once('message', (job: ThreadJob) => {
    if (job.type === 'serve') serve(job.start, message => port.postMessage(message));
  });
}

main();
