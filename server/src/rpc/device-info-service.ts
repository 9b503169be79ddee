import { readFileSync } from 'node:fs';
import {
  type DeviceInfo,
  type DeviceInfoServiceImplementation,
  type DeviceInventory,
  type EngineInfo,
  type GetDeviceInfoResponse,
  ModelState,
  type WatchDeviceInfoRequest,
  type WatchDeviceInfoResponse,
} from '@outrider/sdk/proto';
import { CodedError, invalidField } from '../coded-error.js';
import { type EnginePool, type NamedEngine } from '../engine/engine-pool.js';
import { type EngineInventory } from '../engine/protocol.js';
import { type ModelRegistry } from '../registry/registry.js';
import {
  type BackgroundContext,
  type HandlerContext,
  type RequestContext,
} from './call-context.js';
import { throwIfAborted } from './call-deadline.js';
import { ChangeBell } from './change-bell.js';
import { hostInfo } from './host-info.js';
import { readInventories } from './inventories.js';

interface Reading extends EngineInventory {
  readonly time: Date;
}

/** The service that tells what there is to place models on. */
export class DeviceInfoService implements DeviceInfoServiceImplementation<
  RequestContext & BackgroundContext
> {
  readonly #registry: ModelRegistry;
  readonly #engines: EnginePool;
  readonly #host = hostInfo();
  #last: Reading | undefined;

  constructor(registry: ModelRegistry, engines: EnginePool) {
    this.#registry = registry;
    this.#engines = engines;
  }

  async getDeviceInfo(): Promise<GetDeviceInfoResponse> {
    return { inventory: await this.#inventory() };
  }

  async *watchDeviceInfo(
    request: WatchDeviceInfoRequest,
    context: HandlerContext,
  ): AsyncGenerator<WatchDeviceInfoResponse, void, undefined> {
    const intervalMs = request.intervalMs ?? 1_000;
    if (intervalMs < 100 || intervalMs > 60_000) {
      throw invalidField('interval_ms', `${intervalMs} is out of range; 100 to 60000 is right`);
    }
    context.abortOnTerminate();
    const changes = new ChangeBell();
    const stop = this.#registry.onChange(({ state }, known) => {
      // What is being loaded or drained holds what it held before.
      const settled = state !== ModelState.LOADING && state !== ModelState.DRAINING;
      if (settled || !known) changes.ring();
    });
    try {
      for (;;) {
        const inventory = await this.#inventory();
        throwIfAborted(context.signal);
        yield { inventory };
        await changes.heard(intervalMs, context.signal);
        throwIfAborted(context.signal);
      }
    } finally {
      stop();
    }
  }

  async #inventory(): Promise<DeviceInventory> {
    const { time, devices, backends } = await this.#read();
    const isCpu = (device: DeviceInfo) => device.name === 'cpu';
    const ordered = [...devices.filter(isCpu), ...devices.filter(device => !isCpu(device))];
    return {
      time,
      devices: ordered.map(device => ({ ...device, models: this.#held(device.name) })),
      backends: [...backends],
      host: this.#host,
      engines: this.#engines.all.map(engineInfo),
      serverVersion: VERSION,
    };
  }

  /** While the default engine is away, what was said last, with the time of then. */
  async #read(): Promise<Reading> {
    try {
      this.#last = { time: new Date(), ...(await readInventories(this.#engines)) };
    } catch (error) {
      if (CodedError.from(error).reason !== 'ENGINE_RESTARTED' || !this.#last) throw error;
    }
    return this.#last;
  }

  #held(device: string): DeviceInfo['models'] {
    return this.#registry.records.flatMap(({ name, state, loaded }) => {
      if (state !== ModelState.READY && state !== ModelState.DRAINING) return [];
      const usage = loaded?.placement.usage.find(each => each.device === device);
      return usage === undefined ? [] : [{ model: name, usage }];
    });
  }
}

function engineInfo({ name, engine }: NamedEngine): EngineInfo {
  const { running, restarts, library, lastExit } = engine.status();
  return {
    name,
    running,
    restarts,
    llamaVersion: library?.version ?? '',
    llamaCommit: library?.commit ?? '',
    lastExit,
  };
}

const VERSION = readVersion();

function readVersion(): string {
  const text = readFileSync(new URL('../../package.json', import.meta.url), 'utf8');
  const manifest: unknown = JSON.parse(text);
  if (typeof manifest === 'object' && manifest !== null && 'version' in manifest) {
    return String(manifest.version);
  }
  throw new Error('package.json names no version');
}
