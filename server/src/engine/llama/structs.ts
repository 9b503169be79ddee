import koffi, { type TypeObject } from 'koffi';

/** Address in native memory; `null` is NULL. */
export type Pointer = bigint | null;

/** `llama_model_params`, passed by value. */
export interface ModelParams {
  devices: Pointer;
  tensor_buft_overrides: Pointer;
  n_gpu_layers: number;
  split_mode: number;
  load_mode: number;
  lazy_mode: number;
  main_gpu: number;
  tensor_split: Pointer;
  progress_callback: Pointer;
  progress_callback_user_data: Pointer;
  kv_overrides: Pointer;
  vocab_only: boolean;
  check_tensors: boolean;
  use_extra_bufts: boolean;
  no_host: boolean;
  no_alloc: boolean;
  load_mtp: boolean;
}

/** `llama_context_params`, passed by value. */
export interface ContextParams {
  n_ctx: number;
  n_batch: number;
  n_ubatch: number;
  n_seq_max: number;
  n_rs_seq: number;
  n_outputs_max: number;
  n_outputs_max_per_seq: number;
  n_threads: number;
  n_threads_batch: number;
  ctx_type: number;
  rope_scaling_type: number;
  pooling_type: number;
  attention_type: number;
  flash_attn_type: number;
  rope_freq_base: number;
  rope_freq_scale: number;
  yarn_ext_factor: number;
  yarn_attn_factor: number;
  yarn_beta_fast: number;
  yarn_beta_slow: number;
  yarn_orig_ctx: number;
  defrag_thold: number;
  cb_eval: Pointer;
  cb_eval_user_data: Pointer;
  type_k: number;
  type_v: number;
  abort_callback: Pointer;
  abort_callback_data: Pointer;
  embeddings: boolean;
  offload_kqv: boolean;
  no_perf: boolean;
  op_offload: boolean;
  swa_full: boolean;
  kv_unified: boolean;
  samplers: Pointer;
  n_samplers: number;
  ctx_other: Pointer;
}

/** `llama_batch`, passed by value; the pointers stay, `n_tokens` is set before each decode. */
export interface BatchStruct {
  n_tokens: number;
  token: Pointer;
  embd: Pointer;
  pos: Pointer;
  n_seq_id: Pointer;
  seq_id: Pointer;
  logits: Pointer;
}

/** `ggml_backend_dev_props`. */
export interface DeviceProps {
  name: string;
  description: string;
  memory_free: number | bigint;
  memory_total: number | bigint;
  type: number;
  device_id: string | null;
  caps: Record<
    'async' | 'host_buffer' | 'buffer_from_host_ptr' | 'events' | 'mmap_support',
    boolean
  >;
}

/** `ggml_threadpool_params`. */
export interface ThreadpoolParams {
  cpumask: readonly boolean[];
  n_threads: number;
  prio: number;
  poll: number;
  strict_cpu: boolean;
  paused: boolean;
}

const i32 = 'int32_t';
const u32 = 'uint32_t';
const pointer = 'void *';

// koffi's names belong to the thread, while a test runner evaluates this module once for each of its files.
function struct(name: string, members: Parameters<typeof koffi.struct>[0]): TypeObject {
  return existing(name) ?? koffi.struct(name, members);
}

function existing(name: string): TypeObject | undefined {
  try {
    return koffi.type(name);
  } catch {
    return undefined;
  }
}

/**
 * The structs of llama.cpp v0.5.0 that cross the boundary by value, as koffi types, registered once per thread.
 * A wrong layout is a silent wrong placement or a crash: `abi.ts` compares them with the library at start-up and a test
 * compares them with the header that node-llama-cpp ships.
 */
export const structs = {
  llama_model_params: struct('llama_model_params', {
    devices: pointer,
    tensor_buft_overrides: pointer,
    n_gpu_layers: i32,
    split_mode: i32,
    load_mode: i32,
    lazy_mode: i32,
    main_gpu: i32,
    tensor_split: pointer,
    progress_callback: pointer,
    progress_callback_user_data: pointer,
    kv_overrides: pointer,
    vocab_only: 'bool',
    check_tensors: 'bool',
    use_extra_bufts: 'bool',
    no_host: 'bool',
    no_alloc: 'bool',
    load_mtp: 'bool',
  }),
  llama_context_params: struct('llama_context_params', {
    n_ctx: u32,
    n_batch: u32,
    n_ubatch: u32,
    n_seq_max: u32,
    n_rs_seq: u32,
    n_outputs_max: u32,
    n_outputs_max_per_seq: u32,
    n_threads: i32,
    n_threads_batch: i32,
    ctx_type: i32,
    rope_scaling_type: i32,
    pooling_type: i32,
    attention_type: i32,
    flash_attn_type: i32,
    rope_freq_base: 'float',
    rope_freq_scale: 'float',
    yarn_ext_factor: 'float',
    yarn_attn_factor: 'float',
    yarn_beta_fast: 'float',
    yarn_beta_slow: 'float',
    yarn_orig_ctx: u32,
    defrag_thold: 'float',
    cb_eval: pointer,
    cb_eval_user_data: pointer,
    type_k: i32,
    type_v: i32,
    abort_callback: pointer,
    abort_callback_data: pointer,
    embeddings: 'bool',
    offload_kqv: 'bool',
    no_perf: 'bool',
    op_offload: 'bool',
    swa_full: 'bool',
    kv_unified: 'bool',
    samplers: pointer,
    n_samplers: 'size_t',
    ctx_other: pointer,
  }),
  llama_batch: struct('llama_batch', {
    n_tokens: i32,
    token: pointer,
    embd: pointer,
    pos: pointer,
    n_seq_id: pointer,
    seq_id: pointer,
    logits: pointer,
  }),
  ggml_backend_dev_caps: struct('ggml_backend_dev_caps', {
    async: 'bool',
    host_buffer: 'bool',
    buffer_from_host_ptr: 'bool',
    events: 'bool',
    mmap_support: 'bool',
  }),
  ggml_backend_dev_props: struct('ggml_backend_dev_props', {
    name: 'const char *',
    description: 'const char *',
    memory_free: 'size_t',
    memory_total: 'size_t',
    type: i32,
    device_id: 'const char *',
    caps: 'ggml_backend_dev_caps',
  }),
  ggml_threadpool_params: struct('ggml_threadpool_params', {
    cpumask: koffi.array('bool', 512),
    n_threads: i32,
    prio: i32,
    poll: u32,
    strict_cpu: 'bool',
    paused: 'bool',
  }),
};

/** `enum ggml_backend_dev_type`. */
export const deviceKind = { cpu: 0, gpu: 1, integrated: 2, accelerator: 3, meta: 4 } as const;

/** `enum llama_split_mode`, by the contract's names. */
export const splitModes = {
  SPLIT_MODE_NONE: 0,
  SPLIT_MODE_LAYER: 1,
  SPLIT_MODE_ROW: 2,
  SPLIT_MODE_TENSOR: 3,
} as const;

/** `enum llama_load_mode`. */
export const loadMode = { none: 0, mmap: 1, mlock: 2, mmapMlock: 3 } as const;

/** `enum ggml_type` of the KV cache types, by the contract's names. */
export const kvTypes = {
  KV_CACHE_TYPE_F32: 0,
  KV_CACHE_TYPE_F16: 1,
  KV_CACHE_TYPE_Q4_0: 2,
  KV_CACHE_TYPE_Q4_1: 3,
  KV_CACHE_TYPE_Q5_0: 6,
  KV_CACHE_TYPE_Q5_1: 7,
  KV_CACHE_TYPE_Q8_0: 8,
  KV_CACHE_TYPE_IQ4_NL: 20,
  KV_CACHE_TYPE_BF16: 30,
} as const;

/** `enum llama_flash_attn_type`, by the contract's names. */
export const flashAttention = {
  FLASH_ATTENTION_AUTO: -1,
  FLASH_ATTENTION_OFF: 0,
  FLASH_ATTENTION_ON: 1,
} as const;
