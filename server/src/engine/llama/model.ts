import koffi from 'koffi';
import { type ResolvedPlacement } from '../protocol.js';
import { readDevices } from './devices.js';
import { type LlamaFunctions } from './functions.js';
import { loadMode, type Pointer, splitModes } from './structs.js';

/** How a file is read and where it goes. */
export interface NativeLoad {
  /** Absolute path of the GGUF file. */
  readonly path: string;
  readonly placement: ResolvedPlacement;
  readonly mmap: boolean;
  readonly mlock: boolean;
  /** Called on this thread with 0 to 1; returning false gives the load up. */
  readonly onProgress: (fraction: number) => boolean;
}

const maxDevices = 16;

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
  const prototype = koffi.proto('bool', ['float', 'void *']);
  const progress = koffi.register(load.onProgress, koffi.pointer(prototype));
  params.progress_callback = progress;
  try {
    return llama.llama_model_load_from_file(load.path, params);
  } finally {
    koffi.unregister(progress);
  }
}

function deviceList(llama: LlamaFunctions, names: readonly string[]): BigUint64Array {
  const known = readDevices(llama);
  const handles = names.map(name => {
    const device = known.find(candidate => candidate.info.name === name);
    if (device?.handle == null) throw new Error(`no device ${name} in this process`);
    return device.handle;
  });
  return new BigUint64Array([...handles, 0n]);
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
