import koffi from 'koffi';
import { CodedError } from '../../coded-error.js';
import { bindAs, type LlamaFunctions } from './functions.js';
import { type LibraryFiles } from './library.js';
import { nodeLlamaCppVersion } from './node-llama-cpp.js';
import { type ContextParams, type ModelParams } from './structs.js';

/** The node-llama-cpp release whose llama.cpp the structs of this package describe. */
export const expectedPackageVersion = '3.22.1';

/** Builds of ggml, as version and commit, whose layout is known to be the same. */
const knownBuilds: readonly { readonly version: string; readonly commit: string }[] = [
  { version: '0.25.1', commit: '0ad4a86' },
  // Built from the source that node-llama-cpp ships, which records the commit of llama.cpp itself.
  { version: '0.25.1', commit: 'de3ff81' },
];

// x64 only: there the hidden result pointer of a struct return is the first argument.
const structBytes = {
  llama_model_default_params: [78, 80],
  llama_context_default_params: [160, 160],
} as const;

const modelDefaults: Partial<ModelParams> = {
  devices: null,
  tensor_buft_overrides: null,
  n_gpu_layers: -1,
  split_mode: 1,
  load_mode: -1,
  lazy_mode: 1,
  main_gpu: 0,
  tensor_split: null,
  progress_callback: null,
  progress_callback_user_data: null,
  kv_overrides: null,
  vocab_only: false,
  check_tensors: false,
  use_extra_bufts: true,
  no_host: false,
  no_alloc: false,
  load_mtp: false,
};

const contextDefaults: Partial<ContextParams> = {
  n_ctx: 512,
  n_batch: 2048,
  n_ubatch: 512,
  n_seq_max: 1,
  n_rs_seq: 0,
  n_outputs_max: 0,
  n_outputs_max_per_seq: 1,
  n_threads: 4,
  n_threads_batch: 4,
  ctx_type: 0,
  rope_scaling_type: -1,
  pooling_type: -1,
  attention_type: -1,
  flash_attn_type: -1,
  rope_freq_base: 0,
  rope_freq_scale: 0,
  yarn_ext_factor: -1,
  yarn_attn_factor: -1,
  yarn_beta_fast: -1,
  yarn_beta_slow: -1,
  yarn_orig_ctx: 0,
  defrag_thold: -1,
  cb_eval: null,
  cb_eval_user_data: null,
  type_k: 1,
  type_v: 1,
  abort_callback: null,
  abort_callback_data: null,
  embeddings: false,
  offload_kqv: true,
  no_perf: true,
  op_offload: true,
  swa_full: true,
  kv_unified: false,
  samplers: null,
  n_samplers: 0,
  ctx_other: null,
};

/**
 * Refuses to go on with a library whose structs are not the ones that this package describes: a wrong offset would be
 * a silent wrong placement or a crash. Checks the pinned version, the bytes that default parameters write, and every default.
 * @throws CodedError ENGINE_ERROR with what was expected and what was found
 */
export function guardAbi(files: LibraryFiles, llama: LlamaFunctions): void {
  guardVersion(llama);
  if (process.arch === 'x64') guardStructSizes(files);
  guardValues('llama_model_params', modelDefaults, llama.llama_model_default_params());
  guardValues('llama_context_params', contextDefaults, llama.llama_context_default_params());
  guardValues(
    'ggml_threadpool_params',
    { n_threads: 7, poll: 50, prio: 0 },
    llama.ggml_threadpool_params_default(7),
  );
  guardValues(
    'limits',
    { devices: 16, sequences: 256 },
    {
      devices: Number(llama.llama_max_devices()),
      sequences: Number(llama.llama_max_parallel_sequences()),
    },
  );
}

function guardVersion(llama: LlamaFunctions): void {
  const installed = nodeLlamaCppVersion();
  if (installed !== expectedPackageVersion)
    throw mismatch('node-llama-cpp version', expectedPackageVersion, installed);
  if (process.env['OUTRIDER_LLAMA_UNCHECKED'] === '1') return;
  const [version, commit] = [llama.ggml_version(), llama.ggml_commit()];
  if (
    !knownBuilds.some(known => version.startsWith(known.version) && commit.startsWith(known.commit))
  )
    throw mismatch(
      'ggml build',
      knownBuilds.map(known => `${known.version} (${known.commit})`).join(', '),
      `${version} (${commit}); OUTRIDER_LLAMA_UNCHECKED=1 skips this check`,
    );
}

function guardStructSizes(files: LibraryFiles): void {
  for (const [name, [least, most]] of Object.entries(structBytes)) {
    const fill = bindAs(files, 'llama', `void *${name}(void *)`) as (buffer: Uint8Array) => unknown;
    const written = Math.max(lastWritten(fill, 0xa5), lastWritten(fill, 0x5a));
    if (written < least || written > most)
      throw mismatch(`bytes written by ${name}`, `${least} to ${most}`, String(written));
  }
}

function lastWritten(fill: (buffer: Uint8Array) => unknown, pattern: number): number {
  const buffer = new Uint8Array(512).fill(pattern);
  fill(buffer);
  return buffer.findLastIndex(byte => byte !== pattern) + 1;
}

function guardValues(what: string, expected: object, found: object): void {
  const values = new Map<string, unknown>(Object.entries(found));
  for (const [field, value] of Object.entries(expected) as [string, unknown][]) {
    const actual = values.get(field);
    if (typeof actual === 'bigint' ? Number(actual) !== value : actual !== value)
      throw mismatch(`default of ${what}.${field}`, String(value), String(actual));
  }
}

function mismatch(what: string, expected: string, found: string): CodedError {
  return new CodedError(
    'ENGINE_ERROR',
    `this llama.cpp is not the one that the engine was written for: ${what} is ${found}, expected ${expected}`,
  );
}

/** Offsets of every field of a registered struct, for the comparison with the header. */
export function structOffsets(name: string): Record<string, number> {
  const { members, size } = koffi.type(name);
  return {
    ...Object.fromEntries(Object.values(members ?? {}).map(member => [member.name, member.offset])),
    sizeof: size,
  };
}
