import koffi from 'koffi';
import { type ResolvedPlacement } from '../protocol.js';
import { type TensorPin } from '../tensor-pins.js';
import { type LlamaFunctions } from './functions.js';
import { loadMode, type Pointer, splitModes } from './structs.js';

/** How a file is read and where it goes. */
export interface NativeLoad {
  /** Absolute path of the GGUF file. */
  readonly path: string;
  readonly placement: ResolvedPlacement;
  readonly pins: readonly TensorPin[];
  /** Opens the file without memory for its weights; excludes `mmap`. */
  readonly noAlloc: boolean;
  readonly mmap: boolean;
  readonly mlock: boolean;
  /** Called on this thread with 0 to 1; returning false gives the load up. */
  readonly onProgress: (fraction: number) => boolean;
}

const maxDevices = 16;
// Once for the thread, because koffi keeps every type.
const progressCallback = koffi.pointer(koffi.proto('bool', ['float', 'void *']));

/**
 * Loads a model onto exactly the devices of its placement; blocks this thread until it is there.
 * @returns NULL when llama.cpp refused; the reason is in its log only
 */
export function loadModel(llama: LlamaFunctions, load: NativeLoad): Pointer {
  const { placement } = load;
  const params = llama.llama_model_default_params();
  // "Not offloaded" is the empty list: with zero layers and a device listed, llama.cpp still reserves buffers there.
  const devices = deviceList(llama, placement.devices);
  params.devices = koffi.address(devices);
  params.n_gpu_layers = placement.devices.length === 0 ? 0 : placement.gpuLayers;
  params.split_mode = splitMode(placement.splitMode);
  params.main_gpu = Math.max(0, placement.devices.indexOf(placement.mainDevice));
  const split = new Float32Array(maxDevices);
  split.set(placement.tensorSplit);
  params.tensor_split = placement.tensorSplit.length === 0 ? null : koffi.address(split);
  params.load_mode = loadModeOf(load);
  params.no_alloc = load.noAlloc;
  const overrides = overrideList(llama, load.pins);
  params.tensor_buft_overrides = overrides === undefined ? null : koffi.address(overrides.array);
  const progress = koffi.register(load.onProgress, progressCallback);
  params.progress_callback = progress;
  try {
    return llama.llama_model_load_from_file(load.path, params);
  } finally {
    koffi.unregister(progress);
    // Named once more, so that the collector leaves the patterns alone while llama.cpp reads them.
    overrides?.patterns.splice(0);
  }
}

/** What `tensor_buft_overrides` points to; both must live until the load returns. */
interface OverrideList {
  /** Pairs of pattern and buffer type, ended by a pair of NULLs. */
  readonly array: BigUint64Array;
  readonly patterns: Uint8Array[];
}

// The regular expressions of C++ have limits of size that an exception beyond our reach enforces.
const namesPerPattern = 200;

function overrideList(llama: LlamaFunctions, pins: readonly TensorPin[]): OverrideList | undefined {
  const patterns: Uint8Array[] = [];
  const pairs: bigint[] = [];
  for (const { names, device } of pins) {
    const type = bufferType(llama, device) ?? 0n;
    for (let from = 0; from < names.length; from += namesPerPattern) {
      const pattern = exactly(names.slice(from, from + namesPerPattern));
      patterns.push(pattern);
      pairs.push(koffi.address(pattern), type);
    }
  }
  if (pairs.length === 0) return undefined;
  return { array: new BigUint64Array([...pairs, 0n, 0n]), patterns };
}

/**
 * A pattern for these names and no others. The caller's own is not passed on: what the C++ library does not take of
 * ECMAScript's syntax ends the process.
 */
function exactly(names: readonly string[]): Uint8Array {
  const escaped = names.map(name => name.replace(/[.*+?^${}()|[\]\\]/g, '\\$&'));
  return new TextEncoder().encode(`^(?:${escaped.join('|')})$\0`);
}

function bufferType(llama: LlamaFunctions, name: string): Pointer {
  if (name === 'cpu') return llama.ggml_backend_cpu_buffer_type();
  return llama.ggml_backend_dev_buffer_type(deviceNamed(llama, name));
}

function deviceList(llama: LlamaFunctions, names: readonly string[]): BigUint64Array {
  return new BigUint64Array([...names.map(name => deviceNamed(llama, name)), 0n]);
}

function deviceNamed(llama: LlamaFunctions, name: string): bigint {
  const device = llama.ggml_backend_dev_by_name(name);
  if (device === null) throw new Error(`no device ${name} in this process`);
  return device;
}

function splitMode(name: string): number {
  const mode = new Map<string, number>(Object.entries(splitModes)).get(name);
  if (mode === undefined) throw new Error(`no split mode ${name}`);
  return mode;
}

function loadModeOf({ mmap, mlock }: NativeLoad): number {
  if (mmap) return mlock ? loadMode.mmapMlock : loadMode.mmap;
  return mlock ? loadMode.mlock : loadMode.none;
}
