import { type RuntimeOptions } from '@outrider/sdk/proto';
import koffi, { type TypeObject } from 'koffi';
import { availableParallelism } from 'node:os';
import { CodedError } from '../../coded-error.js';
import { Batch } from './batch.js';
import { type LlamaFunctions } from './functions.js';
import { flashAttention, kvTypes, type Pointer, type ThreadpoolParams } from './structs.js';

/** Every option of a model with its value decided. */
export type DecidedOptions = {
  readonly [Name in keyof RuntimeOptions]-?: NonNullable<RuntimeOptions[Name]>;
};

/** What a context is made for. */
export interface ContextSpec {
  readonly options: DecidedOptions;
  /** Ids of the vocabulary. */
  readonly vocabularySize: number;
  /** Whether anything of the model is on a device. */
  readonly offloaded: boolean;
  /** KV cache beside its layers, or all in host memory. */
  readonly kvOffload: boolean;
  /** What gives a CPU pass up, and the native function that looks at it; unset: nothing does. */
  readonly abort?: { readonly callback: bigint; readonly data: SharedArrayBuffer };
}

const maxDraftRows = 65;
const outputsPerSequence = 8;
// An idle worker of a polling pool burns its core, which on a small machine the other model of the pair needs.
const smallMachineCores = 4;
// Once for the thread, because koffi keeps every type.
const makesPool = koffi.proto('void *', ['ggml_threadpool_params *']);
const freesPool = koffi.proto('void', ['void *']);

/**
 * The context of one model: its KV cache, its thread pool, its batch and its logits. Belongs to one thread.
 * A failed `decode` leaves what `decode` says; everything else throws before anything native is called.
 */
export class Context {
  readonly batch: Batch;
  /** KV cells. */
  readonly cells: number;
  readonly #llama: LlamaFunctions;
  readonly #context: Pointer;
  readonly #memory: Pointer;
  readonly #pool: ThreadPool | undefined;
  readonly #spec: ContextSpec;
  #logits: Float32Array = new Float32Array(0);
  #logitsAt: Pointer = null;
  #batchThreads: number;

  /** @throws CodedError ENGINE_ERROR when llama.cpp makes no context; its log says why */
  constructor(llama: LlamaFunctions, model: Pointer, spec: ContextSpec) {
    const { options } = spec;
    this.#llama = llama;
    this.#spec = spec;
    this.#batchThreads = options.threadsBatch;
    const maxOutputs = outputBudget(options);
    this.#context = llama.llama_init_from_model(model, contextParams(llama, spec, maxOutputs));
    if (this.#context === null)
      throw new CodedError('ENGINE_ERROR', 'llama.cpp could not make a context for the model');
    this.#memory = llama.llama_get_memory(this.#context);
    this.cells = llama.llama_n_ctx(this.#context);
    try {
      this.batch = new Batch(llama, llama.llama_n_batch(this.#context), maxOutputs);
      const threads = Math.max(options.threads, options.threadsBatch);
      if (threads > 1) this.#pool = new ThreadPool(llama, this.#context, threads);
    } catch (error) {
      llama.llama_free(this.#context);
      throw error;
    }
  }

  /**
   * Decodes the batch; afterwards `row` reads its logits.
   * @param prompt whether it holds prompt rows, for which there is a thread count of its own
   * @returns 0 done, 1 no free cells (nothing changed), 2 aborted, below 0 failed
   */
  decode(prompt: boolean): number {
    this.#useThreads(prompt);
    const code = this.batch.decode(this.#context);
    if (code === 0 && this.batch.outputs > 0) this.#mapLogits();
    return code;
  }

  /** llama.cpp takes the batch thread count for any pass of 2 or more rows, prompt or not. */
  #useThreads(prompt: boolean): void {
    const { threads, threadsBatch } = this.#spec.options;
    const wanted = prompt ? threadsBatch : threads;
    // Only a change: llama.cpp logs every call, and whoever logs waits until the main thread has taken the line.
    if (wanted === this.#batchThreads) return;
    this.#llama.llama_set_n_threads(this.#context, threads, wanted);
    this.#batchThreads = wanted;
  }

  /** Logits of one output row of the last decode: a view that the next decode overwrites. */
  row(output: number): Float32Array {
    const size = this.#spec.vocabularySize;
    return this.#logits.subarray(output * size, (output + 1) * size);
  }

  /** Forgets a sequence from a position on. False: its memory cannot be cut there. */
  trim(sequence: number, from: number): boolean {
    return this.#llama.llama_memory_seq_rm(this.#memory, sequence, from, -1);
  }

  /** Lets an empty sequence hold the first positions of another one, in the same cells. */
  copy(source: number, target: number, length: number): void {
    this.#llama.llama_memory_seq_cp(this.#memory, source, target, 0, length);
  }

  /** First position in memory of a sequence; -1 when it is empty, above 0 where a sliding window has moved on. */
  firstPosition(sequence: number): number {
    return this.#llama.llama_memory_seq_pos_min(this.#memory, sequence);
  }

  /** Last position in memory of a sequence; -1 when it is empty. */
  lastPosition(sequence: number): number {
    return this.#llama.llama_memory_seq_pos_max(this.#memory, sequence);
  }

  /** Whether sequences can be cut at any position; tried on the empty cache. */
  probeTrim(): boolean {
    // Two passes of one row, since a batch may hold no more.
    for (const position of [0, 1]) {
      this.batch.clear();
      this.batch.add(0, position, 0, true);
      if (this.decode(false) !== 0)
        throw new CodedError('ENGINE_ERROR', 'the first decode of the model failed');
    }
    const partial = this.trim(0, 1);
    this.clear();
    return partial;
  }

  /** Empties the whole cache. */
  clear(): void {
    this.#llama.llama_memory_clear(this.#memory, false);
  }

  /** Frees batch, thread pool and context. */
  free(): void {
    this.batch.free();
    this.#pool?.detach();
    this.#llama.llama_free(this.#context);
    this.#pool?.free();
  }

  #mapLogits(): void {
    const length = this.batch.outputs * this.#spec.vocabularySize;
    // Reading the pointer waits for the device and puts the rows into batch order.
    const at = this.#llama.llama_get_logits(this.#context);
    if (at === this.#logitsAt && this.#logits.length >= length) return;
    this.#logits = new Float32Array(koffi.view(at, length * 4));
    this.#logitsAt = at;
  }
}

/** Rows of one pass that may ask for logits: one long draft, and some rows for every other sequence. */
export function outputBudget(options: DecidedOptions): number {
  const wanted = maxDraftRows + outputsPerSequence * options.parallelSequences;
  return Math.max(options.parallelSequences, Math.min(wanted, options.microBatchSize));
}

/** The parameters that a context is made with. */
export function contextParams(
  llama: LlamaFunctions,
  { options, offloaded, kvOffload, abort }: Omit<ContextSpec, 'vocabularySize'>,
  maxOutputs: number,
): ReturnType<LlamaFunctions['llama_context_default_params']> {
  const params = llama.llama_context_default_params();
  params.n_ctx = options.contextLength * options.parallelSequences;
  params.n_batch = options.batchSize;
  params.n_ubatch = options.microBatchSize;
  params.n_seq_max = options.parallelSequences;
  // Without a bound the compute buffer is reserved for the logits of a whole micro batch.
  params.n_outputs_max = maxOutputs;
  params.n_threads = options.threads;
  params.n_threads_batch = options.threadsBatch;
  params.type_k = lookUp(kvTypes, options.kvTypeK);
  params.type_v = lookUp(kvTypes, options.kvTypeV);
  params.flash_attn_type = lookUp(flashAttention, options.flashAttention);
  params.offload_kqv = kvOffload;
  params.op_offload = offloaded;
  // One stream of cells: rows of several sequences stay one device pass, whatever their number per sequence.
  params.kv_unified = true;
  params.no_perf = true;
  // On a device it would be ignored, or change how work is queued.
  if (abort !== undefined && !offloaded) {
    params.abort_callback = abort.callback;
    params.abort_callback_data = koffi.address(new Uint8Array(abort.data));
  }
  return params;
}

function lookUp(table: Readonly<Record<string, number>>, name: string): number {
  const value = table[name];
  if (value === undefined) throw new Error(`no native value for ${name}`);
  return value;
}

/**
 * A thread pool of the context's own. The prebuilt libraries have no OpenMP, and without an attached pool llama.cpp makes
 * and joins threads for every graph.
 */
class ThreadPool {
  readonly #llama: LlamaFunctions;
  readonly #context: Pointer;
  readonly #pool: Pointer;
  readonly #free: (pool: Pointer) => void;

  constructor(llama: LlamaFunctions, context: Pointer, threads: number) {
    this.#llama = llama;
    this.#context = context;
    const cpu = llama.ggml_backend_reg_by_name('CPU');
    const make = nativeFunction(llama, cpu, 'ggml_threadpool_new', makesPool);
    const free = nativeFunction(llama, cpu, 'ggml_threadpool_free', freesPool);
    this.#free = pool => void free(pool);
    const params: ThreadpoolParams = {
      ...llama.ggml_threadpool_params_default(threads),
      poll: availableParallelism() > smallMachineCores ? 50 : 0,
    };
    this.#pool = make(params) as Pointer;
    llama.llama_attach_threadpool(context, this.#pool, this.#pool);
  }

  detach(): void {
    this.#llama.llama_detach_threadpool(this.#context);
  }

  free(): void {
    this.#free(this.#pool);
  }
}

function nativeFunction(
  llama: LlamaFunctions,
  registry: Pointer,
  name: string,
  prototype: TypeObject,
): (...values: unknown[]) => unknown {
  const at = llama.ggml_backend_reg_get_proc_address(registry, name);
  if (at === null) throw new Error(`the CPU backend has no ${name}`);
  return (...values) => koffi.call(at, prototype, ...values) as unknown;
}
