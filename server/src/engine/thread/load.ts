import { type DecodeCost } from '@outrider/sdk/proto';
import { CodedError } from '../../coded-error.js';
import { Context, outputBudget } from '../llama/context.js';
import { bindFunctions, type LlamaFunctions, symbolAddress } from '../llama/functions.js';
import { AbortFlag } from './abort-flag.js';
import { loadModel } from '../llama/model.js';
import { type Pointer } from '../llama/structs.js';
import { Vocabulary } from '../llama/vocab.js';
import { type Decoder, nowUs } from './decoder.js';
import { type FromThread, gauge, type ThreadFacts, type ThreadStart } from './messages.js';
import { type SchedulerContext } from './scheduler.js';

/** A model with its context and vocabulary, owned by the thread that loaded it. A simulation can bring others. */
export interface LoadedThread {
  readonly context: SchedulerContext & Decoder;
  readonly vocabulary: Pick<
    Vocabulary,
    'facts' | 'eogIds' | 'piece' | 'texts' | 'tokenize' | 'detokenize'
  >;
  readonly facts: ThreadFacts;
  free(): void;
}

const progressEveryMs = 50;
const hostRows = [1, 2, 3, 4, 5, 6, 8, 12, 16];
const deviceRows = [1, 2, 3, 4, 6, 8, 12, 16, 24, 32];
/** Where not all row counts can be afforded: the plain step, and one that repays its first drafted row. */
const firstRows = [1, 4];
const calibrationRuns = { warm: 2, timed: 5 };
const calibrationBudgetUs = 1_000_000;
const calibrationLength = 256;
const calibrationChunk = 64;

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
    abort: { callback: symbolAddress(start.files, 'base', 'ggml_is_empty'), data: start.abort },
  });
  // A flag of zeros would abort the first pass.
  new AbortFlag(start.abort).begin(undefined);
  try {
    requireWanted();
    const canSpeculate = context.probeTrim();
    requireWanted();
    const decodeCosts = warmUp(
      context,
      outputBudget(options),
      {
        calibrate: options.calibrate,
        offloaded: placement.devices.length > 0,
        canTrim: canSpeculate,
      },
      requireWanted,
    );
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
  plan: { readonly calibrate: boolean; readonly offloaded: boolean; readonly canTrim: boolean },
  requireWanted: () => void,
): DecodeCost[] {
  const { calibrate, offloaded, canTrim } = plan;
  context.batch.clear();
  const most = Math.min(outputs, context.batch.room, context.cells);
  const largestUs = timePass(context, 0, most);
  context.clear();
  if (!calibrate) return [];
  const untilUs = nowUs() + calibrationBudgetUs;
  const rowCounts = (offloaded ? deviceRows : hostRows).filter(rows => rows <= most);
  const room = context.cells - Math.max(...rowCounts);
  const chunkUs = (largestUs * calibrationChunk) / most;
  const length = canTrim ? fillCache(context, room, chunkUs, requireWanted) : 0;
  const costs: DecodeCost[] = [];
  for (const rows of new Set([...firstRows.filter(count => count <= most), ...rowCounts])) {
    requireWanted();
    if (rows > 1 && nowUs() >= untilUs) break;
    costs.push({ rows, durationUs: medianPass(context, length, rows, untilUs) });
  }
  context.clear();
  return costs.sort((a, b) => a.rows - b.rows);
}

/**
 * Fills the cache to the length at which passes are timed, as far as a quarter of the time allows; returns the length.
 * @param chunkUs what a chunk should take
 */
function fillCache(
  context: Context,
  room: number,
  chunkUs: number,
  requireWanted: () => void,
): number {
  const wanted = Math.min(calibrationLength, room);
  const untilUs = nowUs() + calibrationBudgetUs / 4;
  let length = 0;
  while (length < wanted && nowUs() + chunkUs <= untilUs) {
    requireWanted();
    context.batch.clear();
    const rows = Math.min(calibrationChunk, context.batch.room, wanted - length);
    timePass(context, length, rows, false);
    length += rows;
  }
  return length;
}

/** Median time of a pass behind that many tokens, in microseconds; of fewer runs where a third of the time is too short. */
function medianPass(context: Context, length: number, rows: number, untilUs: number): number {
  const stopUs = nowUs() + (untilUs - nowUs()) / 3;
  const times: number[] = [];
  for (let run = 0; run < calibrationRuns.warm + calibrationRuns.timed; run++) {
    // Where there is no time to run again, a warm run has to do.
    if (run === calibrationRuns.warm) times.length = 0;
    const tookUs = timePass(context, length, rows);
    times.push(tookUs);
    if (length > 0) context.trim(0, length);
    else context.clear();
    if (nowUs() + tookUs > stopUs) break;
  }
  return times.sort((a, b) => a - b)[times.length >> 1] ?? 0;
}

function timePass(context: Context, from: number, rows: number, wanted = true): number {
  const { batch } = context;
  batch.clear();
  for (let row = 0; row < rows; row++) batch.add(0, from + row, 0, wanted);
  const begunUs = nowUs();
  const code = context.decode(false);
  const tookUs = nowUs() - begunUs;
  if (code !== 0)
    throw new CodedError(
      'ENGINE_ERROR',
      `the warm-up decode of ${rows} rows failed with code ${code}`,
    );
  return tookUs;
}
