import { type BackendInfo, type DeviceInfo, DeviceType } from '@outrider/sdk/proto';
import os from 'node:os';
import { type LlamaFunctions } from './functions.js';
import { deviceKind, type DeviceProps, type Pointer } from './structs.js';

/** One backend device with what placement needs of it. */
export interface Device {
  readonly handle: Pointer;
  readonly info: DeviceInfo;
  /** Buffer types whose bytes lie on this device; for `cpu` every host buffer counts as well. */
  readonly bufferTypes: readonly string[];
  /** Uses a mapped file as it is instead of copying it. */
  readonly mapsFiles: boolean;
}

const accelerators: Readonly<Record<string, readonly string[]>> = {
  darwin: ['Metal'],
  linux: ['CUDA', 'Vulkan'],
  win32: ['CUDA', 'Vulkan'],
};

/** Every device that a placement can name, `cpu` first, with its memory as it is now. */
export function readDevices(llama: LlamaFunctions): Device[] {
  const found: Device[] = [];
  const count = Number(llama.ggml_backend_dev_count());
  for (let index = 0; index < count; index++) {
    const handle = llama.ggml_backend_dev_get(index);
    const props: Partial<DeviceProps> = {};
    llama.ggml_backend_dev_get_props(handle, props);
    const device = describe(llama, handle, props as DeviceProps);
    if (device !== undefined) found.push(device);
  }
  return found.sort((a, b) => Number(b.info.name === 'cpu') - Number(a.info.name === 'cpu'));
}

/** Backends that this platform's packages bring or that are registered, with the reason where one cannot be used. */
export function readBackends(llama: LlamaFunctions, devices: readonly Device[]): BackendInfo[] {
  const registered = new Set<string>();
  const count = Number(llama.ggml_backend_reg_count());
  for (let index = 0; index < count; index++)
    registered.add(llama.ggml_backend_reg_name(llama.ggml_backend_reg_get(index)));
  const names = new Set([...registered, ...(accelerators[process.platform] ?? [])]);
  return [...names].map(name => {
    const usable = devices.some(device => device.info.backend === name);
    if (usable) return { name, usable, reason: '' };
    const reason = registered.has(name)
      ? 'loaded, but it found no device'
      : 'not loaded: the driver or its run-time libraries are missing, or another backend was chosen';
    return { name, usable, reason };
  });
}

function describe(llama: LlamaFunctions, handle: Pointer, props: DeviceProps): Device | undefined {
  if (props.type === deviceKind.meta) return undefined;
  const backend = llama.ggml_backend_reg_name(llama.ggml_backend_dev_backend_reg(handle));
  const isCpu = props.type === deviceKind.cpu;
  const total = isCpu ? os.totalmem() : Number(props.memory_total);
  const free = isCpu ? availableHostBytes() : Number(props.memory_free);
  return {
    handle,
    bufferTypes: [llama.ggml_backend_buft_name(llama.ggml_backend_dev_buffer_type(handle))],
    mapsFiles: props.caps.buffer_from_host_ptr,
    info: {
      name: isCpu ? 'cpu' : props.name,
      description: props.description,
      backend,
      type: typeOf(props.type, backend),
      totalBytes: total,
      freeBytes: free,
      memoryKnown: total > 0,
      hardwareId: props.device_id ?? '',
      models: [],
    },
  };
}

function typeOf(kind: number, backend: string): DeviceType {
  if (backend === 'RPC') return DeviceType.REMOTE;
  switch (kind) {
    case deviceKind.gpu:
      return DeviceType.GPU;
    case deviceKind.integrated:
      return DeviceType.INTEGRATED_GPU;
    case deviceKind.accelerator:
      return DeviceType.ACCELERATOR;
    default:
      return DeviceType.CPU;
  }
}

function availableHostBytes(): number {
  // Unlike freemem, this counts the page cache that the kernel gives back on demand.
  return process.availableMemory();
}
