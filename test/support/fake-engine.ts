import { type DeviceInfo, DeviceType, RuntimeOptions, SplitMode } from '@outrider/sdk/proto';
import { CodedError } from '../../server/src/coded-error.js';
import {
  type Engine,
  type EngineExit,
  type EngineStatus,
  type LoadCall,
  type YieldedEvent,
} from '../../server/src/engine/engine.js';
import {
  type EngineInventory,
  type GenerateSpec,
  type KvUse,
  type LoadedModel,
  type LoadSpec,
  type PairVerdict,
  type PlannedModel,
  type StreamEvent,
  type TokenizeSpec,
} from '../../server/src/engine/protocol.js';
import { words } from './fake-words.js';

/** What a fake engine does differently from the usual. Functions may wait, and may throw. */
export interface FakeScript {
  readonly devices?: readonly DeviceInfo[];
  readonly backends?: EngineInventory['backends'];
  /** Called before a load reports its end. */
  readonly onLoad?: (spec: LoadSpec, call: LoadCall) => Promise<void> | void;
  /** What a load reports, by model name. */
  readonly loaded?: (spec: LoadSpec) => Partial<LoadedModel>;
  /** What a plan reports, by spec. @default what the load would report */
  readonly planned?: (spec: LoadSpec) => Partial<PlannedModel>;
  /** Called before each step after the first; how a test holds a stream back. */
  readonly onStep?: (spec: GenerateSpec, index: number) => Promise<void> | void;
  /** Called before a stream that was aborted ends; how a test makes the engine slow to let go. */
  readonly onCancel?: () => Promise<void>;
  /** Text of each token. @default 'w0 ', 'w1 ', … */
  readonly word?: (index: number) => string;
  readonly comparePair?: (target: string, draft: string) => PairVerdict;
}

/** An engine without a process: loads at once, and says the words w0, w1, … one token each. Half of what is drafted is accepted. */
export class FakeEngine implements Engine {
  readonly loads: LoadSpec[] = [];
  readonly plans: LoadSpec[] = [];
  readonly unloads: string[] = [];
  readonly generations: GenerateSpec[] = [];
  readonly detached: number[] = [];
  /** Streams that were told to draft with another model, and which. */
  readonly moved: [stream: number, draft: string][] = [];
  readonly comparisons: string[] = [];
  /** Streams that were ended from outside, in order. */
  readonly cancelled: number[] = [];
  closed = false;
  readonly #script: FakeScript;
  readonly #exits: ((exit: EngineExit) => void)[] = [];
  readonly #restarted: (() => void)[] = [];
  #death = new AbortController();
  #running = true;
  #restarts = 0;
  #lastExit = '';
  #streams = 0;
  readonly #contexts = new Map<string, number>();

  constructor(script: FakeScript = {}) {
    this.#script = script;
  }

  /** Ends the process: everything in flight fails, then listeners hear of it. */
  die(how = 'SIGKILL'): void {
    this.#running = false;
    this.#lastExit = how;
    this.#death.abort(restartedError(how));
    for (const listener of this.#exits) listener({ how, backOffMs: 10 });
  }

  /** Starts the next process. */
  restart(): void {
    this.#death = new AbortController();
    this.#running = true;
    this.#restarts += 1;
    for (const listener of this.#restarted) listener();
  }

  status(): EngineStatus {
    const library = { directory: '/fake', version: 'b0', commit: '0000000' };
    const supervision = { stalled: false, stalls: 0, aboveMaxRss: false };
    const state = { restarts: this.#restarts, library, lastExit: this.#lastExit, supervision };
    return this.#running ? { running: true, pid: 4242, ...state } : { running: false, ...state };
  }

  onExit(listener: (exit: EngineExit) => void): void {
    this.#exits.push(listener);
  }

  onRestart(listener: () => void): void {
    this.#restarted.push(listener);
  }

  async load(spec: LoadSpec, call: LoadCall): Promise<LoadedModel> {
    this.loads.push(spec);
    const progress = { doneBytes: 0, totalBytes: 100 };
    call.onProgress({ stage: 'LOAD_STAGE_LOADING', fraction: 0.5, ...progress });
    await this.#alive(this.#script.onLoad?.(spec, call), call.signal);
    call.onProgress({ stage: 'LOAD_STAGE_WARMING_UP', fraction: 0, ...progress });
    const loaded = { ...loadedModel(spec), ...this.#script.loaded?.(spec) };
    this.#contexts.set(spec.model, loaded.options.contextLength ?? 0);
    return loaded;
  }

  async plan(spec: LoadSpec): Promise<PlannedModel> {
    await this.#alive();
    this.plans.push(spec);
    const { options, placement, info, warnings } = {
      ...loadedModel(spec),
      ...this.#script.loaded?.(spec),
    };
    const computed = { ...placement, measured: false };
    return { options, placement: computed, info, warnings, ...this.#script.planned?.(spec) };
  }

  async unload(model: string): Promise<void> {
    await this.#alive();
    this.unloads.push(model);
  }

  async *generate(
    spec: GenerateSpec,
    signal: AbortSignal,
    heard?: (event: StreamEvent) => void,
  ): AsyncGenerator<YieldedEvent> {
    this.generations.push(spec);
    let ended = false;
    try {
      await this.#alive();
      const started = { type: 'started', cachedTokens: 0 } as const;
      heard?.(started);
      yield started;
      for (const event of words(spec, this.#contexts.get(spec.model) ?? 0, this.#script.word)) {
        if (event.type === 'step' && event.step.stats !== undefined) {
          await this.#alive(this.#script.onStep?.(spec, event.step.stats.stepIndex), signal);
        }
        if (event.type === 'completed') ended = true;
        heard?.(event);
        yield event;
      }
    } catch (error) {
      if (signal.aborted && !this.#death.signal.aborted) {
        await this.#script.onCancel?.();
        heard?.({ type: 'cancelled' });
        return;
      }
      ended = true;
      heard?.({ type: 'failed', error: CodedError.from(error).toData() });
      throw error;
    } finally {
      if (!ended) this.cancelled.push(spec.stream);
    }
  }

  detachDraft(stream: number): void {
    this.detached.push(stream);
  }

  moveDraft(stream: number, draft: string): void {
    this.moved.push([stream, draft]);
  }

  nextStream(): number {
    this.#streams += 1;
    return this.#streams;
  }

  async inventory(): Promise<EngineInventory> {
    await this.#alive();
    const { devices = [cpuDevice()], backends = [] } = this.#script;
    return { devices, backends: [{ name: 'CPU', usable: true, reason: '' }, ...backends] };
  }

  /** One token per word, and a begin-of-text token in front if asked for. */
  async tokenize({ text, addSpecial }: TokenizeSpec): Promise<Uint32Array> {
    await this.#alive();
    const words = text.split(/\s+/).filter(word => word !== '');
    return Uint32Array.from([...(addSpecial ? [1] : []), ...words.map((_, i) => 10 + (i % 80))]);
  }

  async detokenize({ tokenIds }: { readonly tokenIds: readonly number[] }): Promise<string> {
    await this.#alive();
    return tokenIds.map(id => `w${id}`).join(' ');
  }

  async comparePair(target: string, draft: string): Promise<PairVerdict> {
    await this.#alive();
    this.comparisons.push(`${target} ${draft}`);
    return this.#script.comparePair?.(target, draft) ?? { match: true };
  }

  kvUse(): KvUse {
    return { usedTokens: 0, keptTokens: 0 };
  }

  async close(): Promise<void> {
    this.closed = true;
  }

  /** Waits for `work`, unless the process dies or the signal aborts first. */
  async #alive(work?: Promise<void> | void, signal?: AbortSignal): Promise<void> {
    const signals = [this.#death.signal, ...(signal === undefined ? [] : [signal])];
    const any = AbortSignal.any(signals);
    any.throwIfAborted();
    // A turn of the event loop, as a message to another process takes.
    const turn = new Promise(resolve => setImmediate(resolve));
    await Promise.all([turn, Promise.race([work, aborted(any)])]);
    any.throwIfAborted();
  }
}

/** A GPU for inventories. */
export function gpuDevice(name: string, more: Partial<DeviceInfo> = {}): DeviceInfo {
  const type = DeviceType.GPU;
  const backend = name.replace(/\d+$/, '');
  const gib = 2 ** 30;
  return {
    ...cpuDevice(),
    name,
    backend,
    type,
    totalBytes: 24 * gib,
    freeBytes: 20 * gib,
    ...more,
  };
}

/** What a load of `spec` reports unless a script says otherwise: a model with 6 layers, 100 tokens, room for 64. */
export function loadedModel(spec: LoadSpec): LoadedModel {
  const { placement } = spec;
  const device = placement.devices[0] ?? 'cpu';
  const bytes = { weightsBytes: 600, kvCacheBytes: 300, computeBytes: 100, totalBytes: 1000 };
  return {
    options: RuntimeOptions.fromPartial({
      ...spec.options,
      contextLength: spec.options.contextLength ?? 64,
      parallelSequences: spec.options.parallelSequences ?? 4,
      microBatchSize: spec.options.microBatchSize ?? 512,
    }),
    placement: {
      devices: [...placement.devices],
      gpuLayers: device === 'cpu' ? 0 : 7,
      totalLayers: 7,
      splitMode: SplitMode.LAYER,
      mainDevice: placement.mainDevice,
      tensorSplit: [],
      usage: [{ device, layers: 7, ...bytes }],
      measured: true,
    },
    info: {
      displayName: spec.model,
      architecture: 'llama',
      quantization: 'F32',
      parameterCount: 1000,
      fileBytes: 4000,
      layers: 6,
      vocabularySize: 100,
      trainedContextLength: 64,
      hasChatTemplate: false,
      canSpeculate: true,
    },
    vocabularyFingerprint: `fingerprint of ${spec.model}`,
    kvTotalTokens: 256,
    decodeCosts: [],
    warnings: [],
    chatTemplate: '',
    bosText: '<s>',
    eosText: '</s>',
  };
}

function cpuDevice(): DeviceInfo {
  return {
    name: 'cpu',
    description: 'a fake',
    backend: 'CPU',
    type: DeviceType.CPU,
    totalBytes: 2 ** 34,
    freeBytes: 2 ** 33,
    memoryKnown: true,
    hardwareId: '',
    models: [],
  };
}

function restartedError(how: string): CodedError {
  return new CodedError('ENGINE_RESTARTED', `the engine process has ended (${how})`, {
    retryAfterMs: 10,
  });
}

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise(resolve => {
    signal.addEventListener('abort', () => resolve(), { once: true });
  });
}
