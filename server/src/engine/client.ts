import { type Logger } from 'pino';
import { CodedError } from '../coded-error.js';
import { BackOff } from './back-off.js';
import {
  type Engine,
  type EngineExit,
  type EngineStatus,
  type LoadCall,
  type YieldedEvent,
} from './engine.js';
import { type EngineProcess, startEngineProcess } from './engine-process.js';
import { type EngineStart } from './engine-start.js';
import { type EventQueue } from './event-queue.js';
import { OpenCalls, type Question } from './open-calls.js';
import {
  type DetokenizeSpec,
  type EngineInventory,
  type EnginePulse,
  endsStream,
  type FromEngine,
  type GenerateSpec,
  type KvUse,
  type LibraryInfo,
  type LoadedModel,
  type LoadProgressEvent,
  type LoadSpec,
  type PairVerdict,
  type PlannedModel,
  type StreamEvent,
  type ToEngine,
  type TokenizeSpec,
} from './protocol.js';
import { beginStream, failStream, hearStream, type RunningStream } from './running-stream.js';
import { type SupervisionLimits, Supervisor } from './supervisor.js';

/** How an engine is started and followed. */
export interface EngineOptions {
  readonly log: Logger;
  /** What its processes open. @default what node-llama-cpp chooses for this machine, without workers */
  readonly start?: EngineStart;
  /** What its processes may do before they are reported or restarted. @default anything */
  readonly limits?: SupervisionLimits;
}

const closeGraceMs = 5000;
const unlimited = { stallReportMs: 0, stallRestartMs: 0, maxRssBytes: 0 };

/** Supervises one engine process: calls, streams, restarts with back-off. */
export class EngineClient implements Engine {
  readonly #log: Logger;
  readonly #backOff = new BackOff();
  readonly #calls = new OpenCalls();
  readonly #streams = new Map<number, RunningStream>();
  readonly #kvUse = new Map<string, KvUse>();
  readonly #exitListeners: ((exit: EngineExit) => void)[] = [];
  readonly #restartListeners: (() => void)[] = [];
  readonly #supervisor: Supervisor;
  #start: EngineStart;
  #process: EngineProcess | undefined;
  #library: LibraryInfo | undefined;
  #restarts = 0;
  #lastExit = '';
  #backOffMs = 0;
  #nextStream = 1;
  #closing = false;
  #respawn: NodeJS.Timeout | undefined;

  private constructor({ log, start = {}, limits = unlimited }: EngineOptions) {
    this.#log = log;
    this.#start = start;
    this.#supervisor = new Supervisor(limits, log);
  }

  /**
   * Starts the first process.
   * @throws CodedError ENGINE_ERROR when llama.cpp cannot be opened, or is not the one that the engine was written for;
   *   INVALID_FIELD, BACKEND_UNAVAILABLE when there is not what `start` asks for
   */
  static async start(options: EngineOptions): Promise<EngineClient> {
    const client = new EngineClient(options);
    await client.#spawn();
    return client;
  }

  status(): EngineStatus {
    return {
      running: this.#process !== undefined,
      ...(this.#process === undefined ? {} : { pid: this.#process.pid }),
      restarts: this.#restarts,
      ...(this.#library === undefined ? {} : { library: this.#library }),
      lastExit: this.#lastExit,
      supervision: this.#supervisor.status,
    };
  }

  onExit(listener: (exit: EngineExit) => void): void {
    this.#exitListeners.push(listener);
  }

  onRestart(listener: () => void): void {
    this.#restartListeners.push(listener);
  }

  async load(spec: LoadSpec, { signal, onProgress }: LoadCall): Promise<LoadedModel> {
    signal.throwIfAborted();
    const cancel = (): void => this.#process?.send({ type: 'cancelLoad', model: spec.model });
    signal.addEventListener('abort', cancel, { once: true });
    try {
      return (await this.#ask({ type: 'load', spec }, onProgress)) as LoadedModel;
    } finally {
      signal.removeEventListener('abort', cancel);
    }
  }

  async plan(spec: LoadSpec): Promise<PlannedModel> {
    return (await this.#ask({ type: 'plan', spec })) as PlannedModel;
  }

  async unload(model: string): Promise<void> {
    await this.#ask({ type: 'unload', model });
    this.#kvUse.delete(model);
  }

  async *generate(
    spec: GenerateSpec,
    signal: AbortSignal,
    heard?: (event: StreamEvent) => void,
  ): AsyncGenerator<YieldedEvent> {
    if (signal.aborted) return;
    const running = beginStream(heard);
    const { queue } = running;
    this.#streams.set(spec.stream, running);
    let over = false;
    const aborted = (): boolean => signal.aborted;
    const cancel = (): void => this.#process?.send({ type: 'cancel', stream: spec.stream });
    signal.addEventListener('abort', cancel, { once: true });
    try {
      this.#required().send({ type: 'generate', spec });
      for (;;) {
        const event = await queue.next();
        over = endsStream(event);
        if (event.type === 'failed') throw CodedError.fromData(event.error);
        if (event.type === 'cancelled') return;
        // After an abort the stream is only waited for: its sequence is free once the engine has confirmed.
        if (!aborted()) yield event;
        if (event.type === 'completed') return;
      }
    } finally {
      signal.removeEventListener('abort', cancel);
      if (!over) await this.#abandon(queue, cancel);
      this.#streams.delete(spec.stream);
    }
  }

  detachDraft(stream: number): void {
    this.#process?.send({ type: 'detachDraft', stream });
  }

  moveDraft(stream: number, draft: string): void {
    this.#process?.send({ type: 'moveDraft', stream, draft });
  }

  nextStream(): number {
    return this.#nextStream++;
  }

  async inventory(): Promise<EngineInventory> {
    return (await this.#ask({ type: 'inventory' })) as EngineInventory;
  }

  async tokenize(spec: TokenizeSpec): Promise<Uint32Array> {
    return (await this.#ask({ type: 'tokenize', spec })) as Uint32Array;
  }

  async detokenize(spec: DetokenizeSpec): Promise<string> {
    return (await this.#ask({ type: 'detokenize', spec })) as string;
  }

  async comparePair(target: string, draft: string): Promise<PairVerdict> {
    return (await this.#ask({ type: 'comparePair', target, draft })) as PairVerdict;
  }

  kvUse(model: string): KvUse {
    return this.#kvUse.get(model) ?? { usedTokens: 0, keptTokens: 0 };
  }

  async close(): Promise<void> {
    this.#closing = true;
    clearTimeout(this.#respawn);
    const running = this.#process;
    if (running === undefined) return;
    running.send({ type: 'shutdown' });
    const late = setTimeout(() => running.kill(), closeGraceMs);
    await running.ended;
    clearTimeout(late);
  }

  async #spawn(): Promise<void> {
    const started = await startEngineProcess(this.#start, message => this.#onMessage(message));
    if (this.#closing) {
      started.kill();
      return;
    }
    this.#process = started;
    this.#library = started.library;
    // The folder has proven itself, so that a restart need not ask node-llama-cpp again.
    this.#start = { directory: started.library.directory, workers: this.#start.workers };
    void started.ended.then(how => this.#onEnd(how));
    this.#supervisor.follow({
      ...started,
      pulse: async () => (await this.#ask({ type: 'pulse' })) as EnginePulse,
      idle: () => this.#streams.size === 0 && this.#calls.size === 0,
    });
  }

  #onEnd(how: string): void {
    this.#process = undefined;
    this.#kvUse.clear();
    if (!this.#closing) this.#lastExit = how;
    this.#backOffMs = this.#closing ? 0 : this.#backOff.failed();
    const error = this.#gone();
    this.#calls.fail(error);
    for (const stream of this.#streams.values()) failStream(stream, error);
    if (this.#closing) return;
    this.#log.error({ how, backOffMs: this.#backOffMs }, 'engine process ended');
    for (const listener of this.#exitListeners) listener({ how, backOffMs: this.#backOffMs });
    this.#scheduleRestart();
  }

  #scheduleRestart(): void {
    this.#respawn = setTimeout(() => {
      this.#restarts++;
      this.#spawn().then(
        () => {
          if (this.#closing) return;
          for (const listener of this.#restartListeners) listener();
        },
        (error: unknown) => {
          this.#backOffMs = this.#backOff.failed();
          this.#log.error({ err: error, backOffMs: this.#backOffMs }, 'engine did not restart');
          if (!this.#closing) this.#scheduleRestart();
        },
      );
    }, this.#backOffMs);
  }

  #onMessage(message: FromEngine): void {
    switch (message.type) {
      case 'reply':
      case 'failed':
      case 'loadProgress':
        this.#calls.onMessage(message);
        return;
      case 'stream':
        this.#onStream(message.stream, message.event);
        return;
      case 'kvUse':
        this.#kvUse.set(message.model, message.use);
        return;
      case 'log':
        this.#log[message.level](message.message);
        return;
      case 'ready':
      case 'refused':
        return;
    }
  }

  #onStream(stream: number, event: StreamEvent): void {
    const running = this.#streams.get(stream);
    if (running === undefined || hearStream(running, event)) return;
    this.#process?.send({ type: 'cancel', stream });
  }

  /** Cancels a stream whose reader left, and waits until its sequence is free. */
  async #abandon(queue: EventQueue<StreamEvent>, cancel: () => void): Promise<void> {
    if (this.#process === undefined) return;
    cancel();
    while (!endsStream(await queue.next()));
  }

  async #ask(
    question: Question<ToEngine>,
    onProgress?: (progress: LoadProgressEvent) => void,
  ): Promise<unknown> {
    const running = this.#required();
    return await this.#calls.ask(call => running.send({ ...question, call }), onProgress);
  }

  #required(): EngineProcess {
    if (this.#process === undefined) throw this.#gone();
    return this.#process;
  }

  #gone(): CodedError {
    return new CodedError('ENGINE_RESTARTED', 'the engine process ended and is being restarted', {
      retryAfterMs: Math.max(this.#backOffMs, 100),
    });
  }
}
