import koffi, { type LibraryHandle } from 'koffi';
import { type LibraryFiles } from './library.js';
// Registers the struct types that the prototypes name.
import './structs.js';
import {
  type BatchStruct,
  type ContextParams,
  type DeviceProps,
  type ModelParams,
  type Pointer,
  type ThreadpoolParams,
} from './structs.js';

/** The functions of libllama, libggml and libggml-base that the engine calls, bound in the calling thread. */
export interface LlamaFunctions {
  ggml_version(): string;
  ggml_commit(): string;
  ggml_threadpool_params_default(threads: number): ThreadpoolParams;
  ggml_backend_dev_get_props(device: Pointer, props: Partial<DeviceProps>): void;
  ggml_backend_dev_name(device: Pointer): string;
  ggml_backend_dev_description(device: Pointer): string;
  ggml_backend_dev_backend_reg(device: Pointer): Pointer;
  ggml_backend_dev_buffer_type(device: Pointer): Pointer;
  ggml_backend_dev_host_buffer_type(device: Pointer): Pointer;
  ggml_backend_buft_name(type: Pointer): string;
  ggml_backend_cpu_buffer_type(): Pointer;
  ggml_row_size(type: number, elements: number): number | bigint;
  ggml_backend_reg_name(reg: Pointer): string;
  ggml_backend_reg_get_proc_address(reg: Pointer, name: string): Pointer;
  ggml_backend_load_all_from_path(directory: string): void;
  ggml_backend_reg_count(): number | bigint;
  ggml_backend_reg_get(index: number): Pointer;
  ggml_backend_reg_by_name(name: string): Pointer;
  ggml_backend_register(reg: Pointer): void;
  ggml_backend_dev_by_name(name: string): Pointer;
  ggml_backend_dev_count(): number | bigint;
  ggml_backend_dev_get(index: number): Pointer;
  llama_version(): string;
  llama_backend_init(): void;
  llama_log_set(callback: Pointer, userData: Pointer): void;
  llama_max_devices(): number | bigint;
  llama_max_parallel_sequences(): number | bigint;
  llama_model_default_params(): ModelParams;
  llama_context_default_params(): ContextParams;
  llama_model_load_from_file(path: string, params: ModelParams): Pointer;
  llama_model_free(model: Pointer): void;
  llama_model_get_vocab(model: Pointer): Pointer;
  llama_model_n_ctx_train(model: Pointer): number;
  llama_model_n_layer(model: Pointer): number;
  llama_model_n_params(model: Pointer): number | bigint;
  llama_model_is_recurrent(model: Pointer): boolean;
  llama_model_is_hybrid(model: Pointer): boolean;
  llama_model_chat_template(model: Pointer, name: string | null): string | null;
  llama_init_from_model(model: Pointer, params: ContextParams): Pointer;
  llama_free(context: Pointer): void;
  llama_n_ctx(context: Pointer): number;
  llama_n_batch(context: Pointer): number;
  llama_n_ubatch(context: Pointer): number;
  llama_n_seq_max(context: Pointer): number;
  llama_get_memory(context: Pointer): Pointer;
  llama_memory_clear(memory: Pointer, data: boolean): void;
  llama_memory_seq_rm(memory: Pointer, sequence: number, from: number, to: number): boolean;
  llama_memory_seq_cp(
    memory: Pointer,
    source: number,
    target: number,
    from: number,
    to: number,
  ): void;
  llama_memory_seq_pos_min(memory: Pointer, sequence: number): number;
  llama_memory_seq_pos_max(memory: Pointer, sequence: number): number;
  llama_set_n_threads(context: Pointer, threads: number, threadsBatch: number): void;
  llama_attach_threadpool(context: Pointer, pool: Pointer, poolBatch: Pointer): void;
  llama_detach_threadpool(context: Pointer): void;
  llama_batch_init(tokens: number, embd: number, maxSequences: number): BatchStruct;
  llama_batch_free(batch: BatchStruct): void;
  llama_decode(context: Pointer, batch: BatchStruct): number;
  llama_get_logits(context: Pointer): Pointer;
  llama_vocab_type(vocab: Pointer): number;
  llama_vocab_n_tokens(vocab: Pointer): number;
  llama_vocab_bos(vocab: Pointer): number;
  llama_vocab_eos(vocab: Pointer): number;
  llama_vocab_get_add_bos(vocab: Pointer): boolean;
  llama_vocab_get_add_eos(vocab: Pointer): boolean;
  llama_vocab_is_eog(vocab: Pointer, token: number): boolean;
  llama_vocab_get_text(vocab: Pointer, token: number): string;
  llama_vocab_get_attr(vocab: Pointer, token: number): number;
  llama_tokenize(
    vocab: Pointer,
    text: Uint8Array,
    bytes: number,
    tokens: Int32Array,
    capacity: number,
    addSpecial: boolean,
    parseSpecial: boolean,
  ): number;
  llama_token_to_piece(
    vocab: Pointer,
    token: number,
    buffer: Uint8Array,
    capacity: number,
    leftStrip: number,
    special: boolean,
  ): number;
}

// Symbols live in three libraries; on Windows their resolution does not search dependencies.
const prototypes = {
  base: [
    'const char *ggml_version()',
    'const char *ggml_commit()',
    'ggml_threadpool_params ggml_threadpool_params_default(int)',
    'void ggml_backend_dev_get_props(void *, _Out_ ggml_backend_dev_props *)',
    'const char *ggml_backend_dev_name(void *)',
    'const char *ggml_backend_dev_description(void *)',
    'void *ggml_backend_dev_backend_reg(void *)',
    'void *ggml_backend_dev_buffer_type(void *)',
    'void *ggml_backend_dev_host_buffer_type(void *)',
    'const char *ggml_backend_buft_name(void *)',
    'void *ggml_backend_cpu_buffer_type()',
    'size_t ggml_row_size(int, int64_t)',
    'const char *ggml_backend_reg_name(void *)',
    'void *ggml_backend_reg_get_proc_address(void *, const char *)',
  ],
  ggml: [
    'void ggml_backend_load_all_from_path(const char *)',
    'size_t ggml_backend_reg_count()',
    'void *ggml_backend_reg_get(size_t)',
    'void *ggml_backend_reg_by_name(const char *)',
    'void ggml_backend_register(void *)',
    'void *ggml_backend_dev_by_name(const char *)',
    'size_t ggml_backend_dev_count()',
    'void *ggml_backend_dev_get(size_t)',
  ],
  llama: [
    'const char *llama_version()',
    'void llama_backend_init()',
    'void llama_log_set(void *, void *)',
    'size_t llama_max_devices()',
    'size_t llama_max_parallel_sequences()',
    'llama_model_params llama_model_default_params()',
    'llama_context_params llama_context_default_params()',
    'void *llama_model_load_from_file(const char *, llama_model_params)',
    'void llama_model_free(void *)',
    'void *llama_model_get_vocab(void *)',
    'int32_t llama_model_n_ctx_train(void *)',
    'int32_t llama_model_n_layer(void *)',
    'uint64_t llama_model_n_params(void *)',
    'bool llama_model_is_recurrent(void *)',
    'bool llama_model_is_hybrid(void *)',
    'const char *llama_model_chat_template(void *, const char *)',
    'void *llama_init_from_model(void *, llama_context_params)',
    'void llama_free(void *)',
    'uint32_t llama_n_ctx(void *)',
    'uint32_t llama_n_batch(void *)',
    'uint32_t llama_n_ubatch(void *)',
    'uint32_t llama_n_seq_max(void *)',
    'void *llama_get_memory(void *)',
    'void llama_memory_clear(void *, bool)',
    'bool llama_memory_seq_rm(void *, int32_t, int32_t, int32_t)',
    'void llama_memory_seq_cp(void *, int32_t, int32_t, int32_t, int32_t)',
    'int32_t llama_memory_seq_pos_min(void *, int32_t)',
    'int32_t llama_memory_seq_pos_max(void *, int32_t)',
    'void llama_set_n_threads(void *, int32_t, int32_t)',
    'void llama_attach_threadpool(void *, void *, void *)',
    'void llama_detach_threadpool(void *)',
    'llama_batch llama_batch_init(int32_t, int32_t, int32_t)',
    'void llama_batch_free(llama_batch)',
    'int32_t llama_decode(void *, llama_batch)',
    'void *llama_get_logits(void *)',
    'int llama_vocab_type(void *)',
    'int32_t llama_vocab_n_tokens(void *)',
    'int32_t llama_vocab_bos(void *)',
    'int32_t llama_vocab_eos(void *)',
    'bool llama_vocab_get_add_bos(void *)',
    'bool llama_vocab_get_add_eos(void *)',
    'bool llama_vocab_is_eog(void *, int32_t)',
    'const char *llama_vocab_get_text(void *, int32_t)',
    'int llama_vocab_get_attr(void *, int32_t)',
    'int32_t llama_tokenize(void *, void *, int32_t, void *, int32_t, bool, bool)',
    'int32_t llama_token_to_piece(void *, int32_t, void *, int32_t, int32_t, bool)',
  ],
} as const;

// Regular expressions of some tokenizers recurse on long inputs, and synchronous calls run on koffi's own stack.
const stackBytes = 8 * 1024 * 1024;

type LibraryName = keyof typeof prototypes;

let opened: Record<LibraryName, LibraryHandle> | undefined;
let bound: LlamaFunctions | undefined;

/** Opens the three libraries in this thread and binds their functions; a second call returns the first one's result. */
export function bindFunctions(files: LibraryFiles): LlamaFunctions {
  if (bound !== undefined) return bound;
  const functions: Record<string, unknown> = {};
  for (const library of ['base', 'ggml', 'llama'] as const)
    for (const prototype of prototypes[library]) {
      const name = /(\w+)\(/.exec(prototype)?.[1];
      if (name === undefined) throw new Error(`prototype without a name: ${prototype}`);
      functions[name] = open(files)[library].func(prototype);
    }
  // The prototypes above are the other half of the interface; koffi itself types every function as any.
  bound = functions as unknown as LlamaFunctions;
  return bound;
}

/** Binds one function with a prototype of the caller's; for probes and for functions found at run time. */
export function bindAs(files: LibraryFiles, library: LibraryName, prototype: string): unknown {
  return open(files)[library].func(prototype);
}

/** Address of a function, to be handed to llama.cpp as a callback. */
export function symbolAddress(files: LibraryFiles, library: LibraryName, name: string): bigint {
  return koffi.address(open(files)[library].symbol(name));
}

function open(files: LibraryFiles): Record<LibraryName, LibraryHandle> {
  if (opened !== undefined) return opened;
  koffi.config({ sync_stack_size: stackBytes });
  opened = {
    base: koffi.load(files.base),
    ggml: koffi.load(files.ggml),
    llama: koffi.load(files.llama),
  };
  return opened;
}
