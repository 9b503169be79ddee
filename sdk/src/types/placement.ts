/** What a model is loaded for. Chooses the default placement only. */
export type Role = 'target' | 'draft';

/** How several devices share a model. */
export type SplitMode = 'none' | 'layer' | 'row' | 'tensor';

/** Pins tensors to a device. */
export interface TensorOverride {
  /** ECMAScript regular expression searched in tensor names. One that matches nothing is refused. */
  readonly pattern: string;
  /** `cpu`, or one of the effective devices. */
  readonly device: string;
}

/** Where a model's weights, KV cache and compute buffers are to go. */
export interface Placement {
  /**
   * `auto` (every GPU), `none` (no offload), or device names in order.
   * @default by role: `auto` for a target, `none` for a draft
   */
  readonly devices?: 'auto' | 'none' | readonly string[] | undefined;
  /** Layers on those devices, the output layer counted as one. 0: none. @default 'auto' */
  readonly gpuLayers?: 'auto' | 'all' | number | undefined;
  /** Share per effective device, each >= 0, sum > 0. @default in proportion to free memory */
  readonly tensorSplit?: readonly number[] | undefined;
  /** How several devices share the model. @default 'layer' */
  readonly splitMode?: SplitMode | undefined;
  /** The device that holds everything (`none`) or the unsplit part (`row`). @default the first */
  readonly mainDevice?: string | undefined;
  /** First match wins; stronger than layers and mixture-of-experts settings. @default [] */
  readonly tensorOverrides?: readonly TensorOverride[] | undefined;
  /** Expert weights kept in host memory: of every layer, or of the first N. @default none */
  readonly cpuMoe?: true | number | undefined;
  /** KV cache beside its layers, or all in host memory. @default true */
  readonly kvOffload?: boolean | undefined;
  /** Left free on each device by automatic layers and the memory check. @default 536870912 */
  readonly memoryMarginBytes?: number | undefined;
  /** CPU with a warning when a named device's backend is unusable. @default false: refused */
  readonly allowFallback?: boolean | undefined;
}

/** What one model holds on one device. */
export interface DeviceUsage {
  /** Device name. */
  device: string;
  /** Layers there. */
  layers: number;
  /** Weights, in bytes. */
  weightsBytes: number;
  /** KV cache and recurrent state, in bytes. */
  kvCacheBytes: number;
  /** Scratch and output buffers, in bytes. */
  computeBytes: number;
  /** Sum of the three. */
  totalBytes: number;
}

/** What really happened to a model, or, in a plan, would happen. */
export interface EffectivePlacement {
  /** Canonical names in order; empty when all is on the CPU. */
  devices: string[];
  /** Layers on them. */
  gpuLayers: number;
  /** Layers of the model, output included. */
  totalLayers: number;
  /** How the devices share the model. */
  splitMode?: SplitMode | undefined;
  /** Absent when all is on the CPU. */
  mainDevice?: string | undefined;
  /** One share per device, sum 1. */
  tensorSplit: number[];
  /** One per device that holds a byte, `cpu` included. */
  usage: DeviceUsage[];
  /** True: read back from the runtime. False: computed. */
  measured: boolean;
}
