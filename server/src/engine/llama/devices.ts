import { type DeviceInfo, DeviceType } from '@outrider/sdk/proto';
import os from 'node:os';
import { type LlamaFunctions } from './functions.js';
import { RPC } from './rpc.js';
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

/**
 * Every device that a placement can name, `cpu` first, with its memory as it is now.
 * @param asks whether a worker, `host:port`, may be asked; one that is gone ends the process. @default none
 */
export function readDevices(
  llama: LlamaFunctions,
  asks: (endpoint: string) => boolean = () => false,
): Device[] {
  const found: Device[] = [];
  const count = Number(llama.ggml_backend_dev_count());
  for (let index = 0; index < count; index++) {
    const handle = llama.ggml_backend_dev_get(index);
    const backend = llama.ggml_backend_reg_name(llama.ggml_backend_dev_backend_reg(handle));
    const device =
      backend === RPC ? describeRemote(llama, handle, asks) : describe(llama, handle, backend);
    if (device !== undefined) found.push(device);
  }
  return found.sort((a, b) => Number(b.info.name === 'cpu') - Number(a.info.name === 'cpu'));
}

function describe(llama: LlamaFunctions, handle: Pointer, backend: string): Device | undefined {
  const props = propsOf(llama, handle);
  if (props.type === deviceKind.meta) return undefined;
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
      type: typeOf(props.type),
      totalBytes: total,
      freeBytes: free,
      memoryKnown: total > 0,
      hardwareId: props.device_id ?? '',
      models: [],
    },
  };
}

/** A device of a worker; its memory is unknown while the worker is not asked. */
function describeRemote(
  llama: LlamaFunctions,
  handle: Pointer,
  asks: (endpoint: string) => boolean,
): Device {
  const endpoint = llama.ggml_backend_dev_description(handle);
  const asked = asks(endpoint) ? propsOf(llama, handle) : undefined;
  const totalBytes = Number(asked?.memory_total ?? 0);
  return {
    handle,
    bufferTypes: [llama.ggml_backend_buft_name(llama.ggml_backend_dev_buffer_type(handle))],
    mapsFiles: false,
    info: {
      name: llama.ggml_backend_dev_name(handle),
      description: endpoint,
      backend: RPC,
      type: DeviceType.REMOTE,
      totalBytes,
      freeBytes: Number(asked?.memory_free ?? 0),
      memoryKnown: totalBytes > 0,
      hardwareId: '',
      models: [],
    },
  };
}

function propsOf(llama: LlamaFunctions, handle: Pointer): DeviceProps {
  const props: Partial<DeviceProps> = {};
  llama.ggml_backend_dev_get_props(handle, props);
  return props as DeviceProps;
}

function typeOf(kind: number): DeviceType {
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
