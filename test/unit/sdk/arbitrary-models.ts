import * as wire from '@outrider/sdk/proto';
import fc from 'fast-check';
import { bytes, flag, list, maybe, oneOf, record, text, time, uint32 } from './arbitrary-fields.js';
import { effectivePlacement, placement, usage } from './arbitrary-placements.js';

const runtimeOptions = record<wire.RuntimeOptions>({
  contextLength: maybe(uint32),
  parallelSequences: maybe(uint32),
  batchSize: maybe(uint32),
  microBatchSize: maybe(uint32),
  kvTypeK: oneOf(wire.KvCacheType),
  kvTypeV: oneOf(wire.KvCacheType),
  flashAttention: oneOf(wire.FlashAttention),
  threads: maybe(uint32),
  threadsBatch: maybe(uint32),
  mmap: maybe(flag),
  mlock: maybe(flag),
  calibrate: maybe(flag),
});

const source = record<wire.ModelSource>({
  source: fc.oneof(
    text.map(value => ({ $case: 'path', value }) as const),
    text.map(value => ({ $case: 'uri', value }) as const),
  ),
  sha256: text,
});

/** Requests to load a model. */
export const loadRequest = record<wire.LoadModelRequest>({
  modelId: text,
  source: maybe(source),
  role: oneOf(wire.Role),
  placement: maybe(placement),
  options: maybe(runtimeOptions),
  draftFor: text,
  onUnavailable: oneOf(wire.UnavailablePolicy),
  replace: flag,
  detached: flag,
  skipMemoryCheck: flag,
  engine: text,
});

/** Models. */
export const model = record<wire.Model>({
  name: text,
  state: oneOf(wire.ModelState),
  stateError: maybe(record({ reason: text, message: text })),
  role: oneOf(wire.Role),
  source,
  options: runtimeOptions,
  requestedPlacement: maybe(placement),
  placement: maybe(effectivePlacement),
  info: maybe(
    record({
      displayName: text,
      architecture: text,
      quantization: text,
      parameterCount: bytes,
      fileBytes: bytes,
      layers: uint32,
      vocabularySize: uint32,
      trainedContextLength: uint32,
      hasChatTemplate: flag,
      canSpeculate: flag,
    }),
  ),
  vocabularyFingerprint: text,
  loadTime: maybe(time),
  loadMs: uint32,
  defaultDraft: maybe(
    record({
      draftModel: text,
      available: flag,
      offReason: oneOf(wire.SpeculationOffReason),
      detail: text,
    }),
  ),
  activeGenerations: uint32,
  queuedGenerations: uint32,
  activeDrafts: uint32,
  kvUsedTokens: bytes,
  kvTotalTokens: bytes,
  engine: text,
  decodeCosts: list(record({ rows: uint32, durationUs: uint32 })),
  warnings: list(record({ code: text, message: text, field: text })),
});

/** Inventories. */
export const inventory = record<wire.DeviceInventory>({
  time: maybe(time),
  devices: list(
    record({
      name: text,
      description: text,
      backend: text,
      type: oneOf(wire.DeviceType),
      totalBytes: bytes,
      freeBytes: bytes,
      memoryKnown: flag,
      hardwareId: text,
      models: list(record({ model: text, usage: maybe(usage) })),
    }),
  ),
  backends: list(record({ name: text, usable: flag, reason: text })),
  host: maybe(
    record({ physicalCores: uint32, logicalCores: uint32, os: text, arch: text, cpu: text }),
  ),
  engines: list(
    record({
      name: text,
      running: flag,
      restarts: uint32,
      llamaVersion: text,
      llamaCommit: text,
      lastExit: text,
    }),
  ),
  serverVersion: text,
});
