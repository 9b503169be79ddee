import { CodedError } from '../coded-error.js';
import { dryRun } from './dry-run.js';
import { canonicalDevice, readBack } from './effective-placement.js';
import { type EngineThreads } from './engine-threads.js';
import { hasRepacked, tensorBytes } from './host-weights.js';
import { type Device, readDevices } from './llama/devices.js';
import { type LlamaFunctions } from './llama/functions.js';
import { type LibraryFiles } from './llama/library.js';
import { type LlamaLogLevel, type LoggedBuffer, LoadLog } from './llama/log.js';
import { explainLoad } from './load-failure.js';
import { type ModelHeader, readModelHeader } from './model-file.js';
import { modelInfo } from './model-info.js';
import { decideOptions } from './options.js';
import { plannedWeights } from './planned-weights.js';
import { type LoadSpec, type PlannedModel } from './protocol.js';
import { pinTensors, type TensorPin } from './tensor-pins.js';
import { largestShare } from './tensor-parallel.js';

/** One dry run of a load. */
export class ModelPlan {
  readonly #spec: LoadSpec;
  readonly #log = new LoadLog();

  constructor(spec: LoadSpec) {
    this.#spec = spec;
  }

  /** Devices that the load would go to. */
  get devices(): readonly string[] {
    return this.#spec.placement.devices;
  }

  /** Takes a line of llama.cpp's log that was written while this plan ran. */
  onLogLine(level: LlamaLogLevel, line: string): void {
    this.#log.line(level, line);
  }

  /**
   * Finds out what the load would do; nothing stays behind.
   * @throws CodedError BAD_MODEL_FILE, OVERRIDE_UNMATCHED, INVALID_FIELD, ENGINE_ERROR
   */
  async run(
    llama: LlamaFunctions,
    files: LibraryFiles,
    threads: EngineThreads,
  ): Promise<PlannedModel> {
    const { path, placement: asked, options: requested } = this.#spec;
    const header = await readModelHeader(path);
    const { options, warnings } = decideOptions(requested, header, asked.splitMode);
    const pins = pinTensors(asked.tensorOverrides, header.tensors);
    const facts = await dryRun(threads, {
      files,
      path,
      placement: asked,
      pins,
      options,
    }).catch((error: unknown) => {
      throw explainLoad(CodedError.from(error), this.#log, path);
    });
    const devices = readDevices(llama);
    const buffers = [
      ...this.#log.buffers.filter(({ holds }) => holds === 'compute'),
      ...this.#weights(llama, header, pins, { devices, mmap: options.mmap }),
      ...this.#caches(devices),
    ];
    const readings = { layers: this.#log.layers, buffers };
    const back = readBack(readings, asked, facts.layers + 1, devices);
    return {
      options,
      placement: { ...back.placement, measured: false },
      info: modelInfo(header, facts),
      warnings: [...warnings, ...back.warnings],
    };
  }

  #weights(
    llama: LlamaFunctions,
    { tensors }: ModelHeader,
    pins: readonly TensorPin[],
    { devices, mmap }: { readonly devices: readonly Device[]; readonly mmap: boolean },
  ): LoggedBuffer[] {
    // Repacked weights are copies, and what they were copied from is not used again.
    const repacks = hasRepacked(this.#log.buffers);
    const names = devices
      .filter(({ mapsFiles, info }) => mapsFiles && !(repacks && info.name === 'cpu'))
      .map(({ info }) => info.name);
    const weights = plannedWeights(tensors, {
      layers: new Map([...this.#log.layers].map(([layer, name]) => [layer, canonicalDevice(name)])),
      pins,
      bytesOf: (tensor, device) =>
        tensorBytes(llama, tensor) * largestShare(this.#spec.placement, device, tensor.name),
      mapping: new Set(mmap ? names : []),
    });
    return [...weights].map(([device, bytes]) => buffer(device, 'weights', bytes, devices));
  }

  #caches(devices: readonly Device[]): LoggedBuffer[] {
    return [...this.#log.caches].map(([device, bytes]) =>
      buffer(
        canonicalDevice(device),
        'kv',
        Math.round(bytes * largestShare(this.#spec.placement, device)),
        devices,
      ),
    );
  }
}

function buffer(
  name: string,
  holds: LoggedBuffer['holds'],
  bytes: number,
  devices: readonly Device[],
): LoggedBuffer {
  const type = devices.find(({ info }) => info.name === name)?.bufferTypes[0];
  return { type: type ?? name, holds, bytes };
}
