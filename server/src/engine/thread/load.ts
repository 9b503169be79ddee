import { type DecodeCost } from '@outrider/sdk/proto';
import { CodedError } from '../../coded-error.js';
import { Context, outputBudget } from '../llama/context.js';
import { bindFunctions, type LlamaFunctions } from '../llama/functions.js';
import { loadModel } from '../llama/model.js';
import { type Pointer } from '../llama/structs.js';
import { Vocabulary } from '../llama/vocab.js';
import { nowUs } from './decoder.js';
import { type FromThread, gauge, type ThreadFacts, type ThreadStart } from './messages.js';

/** A model with its context and vocabulary, owned by the thread that loaded it. */
export interface LoadedThread {
  readonly context: Context;
  readonly vocabulary: Vocabulary;
  readonly facts: ThreadFacts;
  free(): void;
}

const progressEveryMs = 50;
const calibrationRows = [1, 2, 4, 8];
const calibrationRuns = 3;
const calibrationBudgetUs = 1_000_000;

/**
 * Loads the model, makes its context and warms it up; blocks the thread.
 * @throws CodedError CANCELLED, BAD_MODEL_FILE, ENGINE_ERROR; everything is freed by then
 */
export function loadThread(start: ThreadStart, post: (message: FromThread) => void): LoadedThread {
  const llama = bindFunctions(start.files);
  const gauges = new Int32Array(start.gauges);
  const cancelled = (): boolean => Atomics.load(gauges, gauge.cancelLoad) === 1;
  const { mmap, mlock } = start.options;
  let reportedMs = 0;
  const model = loadModel(llama, {
    path: start.path,
    placement: start.placement,
    pins: start.pins,
    noAlloc: false,
    mmap,
    mlock,
    onProgress: fraction => {
      const ms = performance.now();
      if (ms - reportedMs >= progressEveryMs) {
        reportedMs = ms;
        post({ type: 'loading', fraction });
      }
      return !cancelled();
    },
  });
  const requireWanted = (): void => {
    if (cancelled()) throw new CodedError('CANCELLED', 'the load was given up');
  };
  if (model === null) requireWanted();
  if (model === null) throw new CodedError('BAD_MODEL_FILE', 'llama.cpp could not load the model');
  try {
    requireWanted();
    post({ type: 'warmingUp' });
    return makeContext(llama, model, start, requireWanted);
  } catch (error) {
    llama.llama_model_free(model);
    throw error;
  }
}

function makeContext(
  llama: LlamaFunctions,
  model: Pointer,
  start: ThreadStart,
  requireWanted: () => void,
): LoadedThread {
  const { options, placement } = start;
  const vocabulary = new Vocabulary(llama, llama.llama_model_get_vocab(model));
  vocabulary.requireBytes();
  const context = new Context(llama, model, {
    options,
    vocabularySize: vocabulary.facts.size,
    offloaded: placement.devices.length > 0,
    kvOffload: placement.kvOffload,
  });
  try {
    requireWanted();
    const canSpeculate = context.probeTrim();
    requireWanted();
    const decodeCosts = warmUp(context, outputBudget(options), options.calibrate, requireWanted);
    const { facts } = vocabulary;
    return {
      context,
      vocabulary,
      facts: {
        vocabulary: facts,
        bosText: facts.bos < 0 ? '' : (vocabulary.texts[facts.bos] ?? ''),
        eosText: facts.eos < 0 ? '' : (vocabulary.texts[facts.eos] ?? ''),
        chatTemplate: llama.llama_model_chat_template(model, null) ?? '',
        parameterCount: Number(llama.llama_model_n_params(model)),
        layers: llama.llama_model_n_layer(model),
        trainedContextLength: llama.llama_model_n_ctx_train(model),
        canSpeculate,
        cells: context.cells,
        decodeCosts,
      },
      free: () => {
        context.free();
        llama.llama_model_free(model);
      },
    };
  } catch (error) {
    context.free();
    throw error;
  }
}

/** Runs the largest batch once, so that the logits buffer has its final size, and measures small ones if wanted. */
function warmUp(
  context: Context,
  outputs: number,
  calibrate: boolean,
  requireWanted: () => void,
): DecodeCost[] {
  context.batch.clear();
  const cells = Math.min(outputs, context.batch.room, context.cells);
  timePass(context, cells);
  if (!calibrate) return [];
  const begunUs = nowUs();
  const costs: DecodeCost[] = [];
  for (const rows of calibrationRows.filter(count => count <= cells)) {
    requireWanted();
    timePass(context, rows);
    const times = Array.from({ length: calibrationRuns }, () => timePass(context, rows));
    costs.push({ rows, durationUs: times.sort((a, b) => a - b)[calibrationRuns >> 1] ?? 0 });
    if (nowUs() - begunUs > calibrationBudgetUs) break;
  }
  return costs;
}

function timePass(context: Context, rows: number): number {
  const { batch } = context;
  batch.clear();
  for (let row = 0; row < rows; row++) batch.add(0, row, 0, true);
  const begunUs = nowUs();
  const code = context.decode(false);
  const tookUs = nowUs() - begunUs;
  if (code !== 0)
    throw new CodedError(
      'ENGINE_ERROR',
      `the warm-up decode of ${rows} rows failed with code ${code}`,
    );
  context.clear();
  return tookUs;
}
