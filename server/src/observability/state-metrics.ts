import { setTimeout as after } from 'node:timers/promises';
import { ModelState } from '@outrider/sdk/proto';
import { Gauge, type Registry } from 'prom-client';
import { type Engine } from '../engine/engine.js';
import { DEFAULT_ENGINE, type EnginePool } from '../engine/engine-pool.js';
import { type EngineInventory } from '../engine/protocol.js';
import { type ModelRecord, type ReadyModel, wasLoaded } from '../registry/record.js';
import { type ModelRegistry } from '../registry/registry.js';
import { registerEngines } from './engine-metrics.js';

/** Where the present state is read. */
export interface StateSources {
  readonly registry: ModelRegistry;
  readonly engines: EnginePool;
}

/** Shows the state of models, devices and engines, read whenever somebody scrapes. */
export function registerState(
  registry: Registry,
  { registry: models, engines }: StateSources,
): void {
  for (const [name, help, read] of MODEL_GAUGES) {
    new Gauge({
      ...{ name, help, labelNames: ['model'], registers: [registry] },
      collect() {
        this.reset();
        for (const record of models.records) this.set({ model: record.name }, read(record));
      },
    });
  }
  for (const [name, help, read] of LOADED_GAUGES) {
    new Gauge({
      ...{ name, help, labelNames: ['model'], registers: [registry] },
      collect() {
        this.reset();
        for (const record of held(models)) this.set({ model: record.name }, read(record));
      },
    });
  }
  registerModelStates(registry, models);
  registerModelMemory(registry, models);
  registerDevices(registry, engines);
  registerEngines(registry, engines);
}

type Row<Of> = readonly [name: string, help: string, read: (of: Of) => number];

const MODEL_GAUGES: readonly Row<ModelRecord>[] = [
  [
    'outrider_num_requests_running',
    'Streams that generate.',
    ({ generations }) => generations.size,
  ],
  [
    'outrider_num_requests_waiting',
    'Requests that wait for a sequence.',
    ({ admission }) => admission.waiting,
  ],
  [
    'outrider_num_drafts_running',
    'Streams that the model drafts for.',
    ({ drafts }) => drafts.size,
  ],
];

const LOADED_GAUGES: readonly Row<ReadyModel>[] = [
  ['outrider_kv_cache_usage_perc', 'Part of the KV cache that streams use now, 0 to 1.', kvRunning],
  ['outrider_kv_cache_used_tokens', 'Tokens in the KV cache, kept ones included.', kvUsed],
  [
    'outrider_kv_cache_capacity_tokens',
    'Tokens that fit the KV cache.',
    ({ loaded }) => loaded.kvTotalTokens,
  ],
];

/** Models that hold memory now. */
function held(models: ModelRegistry): ReadyModel[] {
  return models.records
    .filter(({ state }) => state === ModelState.READY || state === ModelState.DRAINING)
    .filter(wasLoaded);
}

function kvUsed({ home, key }: ReadyModel): number {
  return home.engine.kvUse(key).usedTokens;
}

function kvRunning({ home, key, loaded }: ReadyModel): number {
  const { usedTokens, keptTokens } = home.engine.kvUse(key);
  const total = loaded.kvTotalTokens;
  return total === 0 ? 0 : (usedTokens - keptTokens) / total;
}

const STATES = Object.values(ModelState).filter(
  state => state !== ModelState.UNSPECIFIED && state !== ModelState.UNRECOGNIZED,
);

function registerModelStates(registry: Registry, models: ModelRegistry): void {
  new Gauge({
    name: 'outrider_model_state',
    help: '1 for the state that the model is in, 0 for every other.',
    labelNames: ['model', 'state'],
    registers: [registry],
    collect() {
      this.reset();
      for (const { name, state: present } of models.records) {
        for (const state of STATES) {
          const word = state.replace('MODEL_STATE_', '').toLowerCase();
          this.set({ model: name, state: word }, state === present ? 1 : 0);
        }
      }
    },
  });
}

function registerModelMemory(registry: Registry, models: ModelRegistry): void {
  new Gauge({
    name: 'outrider_model_memory_bytes',
    help: 'Memory that a model holds on a device, as read back after its load.',
    labelNames: ['model', 'device', 'kind'],
    registers: [registry],
    collect() {
      this.reset();
      for (const { name: model, loaded } of held(models)) {
        for (const { device, weightsBytes, kvCacheBytes, computeBytes } of loaded.placement.usage) {
          this.set({ model, device, kind: 'weights' }, weightsBytes);
          this.set({ model, device, kind: 'kv_cache' }, kvCacheBytes);
          this.set({ model, device, kind: 'compute' }, computeBytes);
        }
      }
    },
  });
}

function registerDevices(registry: Registry, engines: EnginePool): void {
  new Gauge({
    name: 'outrider_device_memory_bytes',
    help: 'Memory of a device; absent where it does not tell, and while the default engine is away or stalled.',
    labelNames: ['device', 'kind'],
    registers: [registry],
    async collect() {
      this.reset();
      const engine = engines.find(DEFAULT_ENGINE);
      const inventory = engine === undefined ? undefined : await inventoryOf(engine);
      for (const { name: device, memoryKnown, totalBytes, freeBytes } of inventory?.devices ?? []) {
        if (!memoryKnown) continue;
        this.set({ device, kind: 'total' }, totalBytes);
        this.set({ device, kind: 'free' }, freeBytes);
      }
    },
  });
}

// Longer than a remote device is greeted, and shorter than a scrape may take.
const longestWaitMs = 2_500;

/** Undefined while the engine does not answer: a scrape must tell of a stall, not wait for its end. */
async function inventoryOf(engine: Engine): Promise<EngineInventory | undefined> {
  if (engine.status().supervision.stalled) return undefined;
  const answered = new AbortController();
  const late = after(longestWaitMs, undefined, { signal: answered.signal, ref: false });
  try {
    return await Promise.race([engine.inventory(), late]);
  } catch {
    return undefined; // It has ended.
  } finally {
    late.catch(() => undefined);
    answered.abort();
  }
}
