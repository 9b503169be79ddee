import { parentPort, workerData } from 'node:worker_threads';
import { Context } from '../../../server/dist/engine/llama/context.js';
import {
  bindFunctions,
  type LlamaFunctions,
  symbolAddress,
} from '../../../server/dist/engine/llama/functions.js';
import { loadModel } from '../../../server/dist/engine/llama/model.js';
import { Vocabulary } from '../../../server/dist/engine/llama/vocab.js';
import { ON_CPU } from '../on-cpu.js';
import { type FromRawWorker, type RawSchedule, type RawStart } from './raw-messages.js';

/** Runs the passes of a schedule and nothing else: no choosing, no messages, no statistics. */
function replay(context: Context, vocabularySize: number, schedule: RawSchedule): number[] {
  context.clear();
  pass(context, vocabularySize, 0, schedule.promptTokens, false);
  let held = schedule.promptTokens;
  return schedule.steps.map(({ rows, kept }) => {
    const tookUs = pass(context, vocabularySize, held, rows, true);
    held += kept;
    if (kept < rows) context.trim(0, held);
    return tookUs;
  });
}

/** From calling `llama_decode` until the logits can be read, in microseconds. */
function pass(
  context: Context,
  vocabularySize: number,
  from: number,
  rows: number,
  allWanted: boolean,
): number {
  const { batch } = context;
  batch.clear();
  for (let row = 0; row < rows; row += 1) {
    // Which tokens they are does not change what is computed.
    const token = (from + row) % vocabularySize;
    batch.add(token, from + row, 0, allWanted || row === rows - 1);
  }
  const start = performance.now();
  const code = context.decode(!allWanted);
  const tookUs = (performance.now() - start) * 1000;
  if (code !== 0) throw new Error(`llama_decode of ${rows} rows at ${from} returned ${code}`);
  return tookUs;
}

function open(llama: LlamaFunctions, { path, options }: RawStart): [Context, number] {
  const model = loadModel(llama, {
    path,
    mmap: true,
    mlock: false,
    pins: [],
    noAlloc: false,
    placement: ON_CPU,
    onProgress: () => true,
  });
  if (model === null) throw new Error(`llama.cpp could not load ${path}`);
  const vocabularySize = new Vocabulary(llama, llama.llama_model_get_vocab(model)).facts.size;
  const spec = { options, vocabularySize, offloaded: false, kvOffload: true };
  return [new Context(llama, model, spec), vocabularySize];
}

if (parentPort === null) throw new Error('the raw decoder runs as a worker');
const port = parentPort;
const start = workerData as RawStart;
const llama = bindFunctions(start.files);
// Any native function of no effect silences the log; one of JavaScript would cost more than it is worth.
llama.llama_log_set(symbolAddress(start.files, 'base', 'ggml_version'), null);
if (!start.backendsLoaded) llama.ggml_backend_load_all_from_path(start.files.directory);
llama.llama_backend_init();
const [context, vocabularySize] = open(llama, start);
const say = (message: FromRawWorker): void => port.postMessage(message);
port.on('message', (schedule: RawSchedule) => {
  say({ type: 'timed', stepsUs: replay(context, vocabularySize, schedule) });
});
say({ type: 'ready' });
