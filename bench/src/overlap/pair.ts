import { MessageChannel } from 'node:worker_threads';
import { RuntimeOptions, StatsLevel } from '@outrider/sdk/proto';
import { decideOptions } from '../../../server/dist/engine/options.js';
import { EngineThreads } from '../../../server/dist/engine/engine-threads.js';
import { ModelHost } from '../../../server/dist/engine/model-host.js';
import { type SpeculationSpec, type StreamEvent } from '../../../server/dist/engine/protocol.js';
import { ON_CPU } from '../on-cpu.js';
import { type SimulatedModel } from './simulated-device.js';

const CONTEXT_LENGTH = 4096;

/** A target and a draft on simulated devices, each on a real model thread. */
export class SimulatedPair implements AsyncDisposable {
  readonly #threads = new EngineThreads(new URL('./entry.js', import.meta.url));
  readonly #target: ModelHost;
  readonly #draft: ModelHost;
  readonly #draftMs: number;
  #onEvent: (event: StreamEvent) => void = () => undefined;
  #streams = 0;

  constructor(target: SimulatedModel, draft: SimulatedModel) {
    this.#target = this.#host('target', target);
    this.#draft = this.#host('draft', draft);
    this.#draftMs = draft.firstMs;
    const { port1, port2 } = new MessageChannel();
    this.#target.connect(this.#draft, port1);
    this.#draft.connect(this.#target, port2);
  }

  /** Tokens per second of one greedy stream, and the tokens. */
  async run(tokens: number, speculation: SpeculationSpec): Promise<{ tps: number; ids: number[] }> {
    const ids: number[] = [];
    const done = new Promise<number>((resolve, reject) => {
      this.#onEvent = event => {
        if (event.type === 'step') ids.push(...event.step.tokens.map(({ id }) => id));
        if (event.type === 'completed') resolve(event.completion.decodeUs);
        if (event.type === 'failed') reject(new Error(event.error.message));
      };
    });
    this.#target.send({
      type: 'generate',
      spec: {
        stream: this.#streams++,
        model: 'target',
        promptIds: Uint32Array.of(1, 2, 3),
        maxTokens: tokens,
        stop: [],
        sampling: GREEDY,
        speculation,
        cachePrompt: false,
        statsLevel: StatsLevel.STEPS,
      },
      draft: { peer: 'draft', disjoint: true, stepUs: 1000 * this.#draftMs },
    });
    const decodeUs = await done;
    return { tps: ((ids.length - 1) * 1e6) / decodeUs, ids };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all([this.#target.stop(), this.#draft.stop()]);
  }

  #host(name: string, model: SimulatedModel): ModelHost {
    const fail = (message: string): never => {
      throw new Error(message);
    };
    const requested = RuntimeOptions.fromPartial({
      threads: 1,
      contextLength: CONTEXT_LENGTH,
      parallelSequences: 1,
    });
    return new ModelHost({
      name,
      files: { directory: '', base: '', ggml: '', llama: '' },
      path: JSON.stringify(model),
      placement: ON_CPU,
      pins: [],
      options: decideOptions(requested, { trainedContextLength: CONTEXT_LENGTH, fileBytes: 0 })
        .options,
      onReading: () => undefined,
      onWarmingUp: () => undefined,
      onStream: (_stream, event) => this.#onEvent(event),
      onBug: fail,
      onFault: fail,
      threads: this.#threads,
    });
  }
}

const GREEDY = {
  temperature: 0,
  topK: 0,
  topP: 1,
  minP: 0,
  typicalP: 1,
  repetitionPenalty: 1,
  presencePenalty: 0,
  frequencyPenalty: 0,
  penaltyLastN: 0,
  seed: 1,
  logitBias: [],
  ignoreEos: true,
} as const;
