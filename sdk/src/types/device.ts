import { type DeviceUsage } from './placement.js';

/** Kind of device. `accelerator` helps the CPU and cannot be selected; `remote` is another host. */
export type DeviceType = 'cpu' | 'gpu' | 'integrated_gpu' | 'accelerator' | 'remote';

/** What a model holds on a device. */
export interface ModelUsage {
  /** `models/{id}`. */
  model: string;
  /** Bytes. */
  usage?: DeviceUsage | undefined;
}

/** One device. */
export interface DeviceInfo {
  /** What placements use. */
  name: string;
  /** For people. */
  description: string;
  /** `CPU`, `CUDA`, `Vulkan`, `Metal`, `RPC`, … */
  backend: string;
  /** Kind. */
  type?: DeviceType | undefined;
  /** Memory; of the host for `cpu`. */
  totalBytes: number;
  /** Free now, for everyone. */
  freeBytes: number;
  /** False: the driver reports nothing, memory is not checked and shares must be given. */
  memoryKnown: boolean;
  /** Bus id or the like; devices with the same one are one card. */
  hardwareId?: string | undefined;
  /** Who holds what. */
  models: ModelUsage[];
}

/** One backend. */
export interface BackendInfo {
  /** For example `CUDA`. */
  name: string;
  /** Loaded, with a device. */
  usable: boolean;
  /** Why not. */
  reason?: string | undefined;
}

/** The machine. */
export interface HostInfo {
  /** Cores. */
  physicalCores: number;
  /** Threads. */
  logicalCores: number;
  /** For example `linux`. */
  os: string;
  /** For example `x64`. */
  arch: string;
  /** Name of the processor. */
  cpu: string;
}

/** One engine process. */
export interface EngineInfo {
  /** For example `default`. */
  name: string;
  /** Alive. */
  running: boolean;
  /** Since the server began. */
  restarts: number;
  /** Of the library. */
  llamaVersion: string;
  /** Of the library. */
  llamaCommit: string;
  /** `SIGKILL`, `exit 1`; absent before the first. */
  lastExit?: string | undefined;
}

/** Everything there is to place models on. */
export interface DeviceInventory {
  /** When it was read. */
  time?: Date | undefined;
  /** `cpu` first, then in the order of `auto`. */
  devices: DeviceInfo[];
  /** Installed ones, unusable ones too. */
  backends: BackendInfo[];
  /** The machine. */
  host?: HostInfo | undefined;
  /** Engine processes. */
  engines: EngineInfo[];
  /** Of Outrider. */
  serverVersion: string;
}
