import { MessageChannel, type MessagePort } from 'node:worker_threads';
import { CodedError } from '../coded-error.js';
import { isDebugging } from './debug.js';
import { type DecidedOptions } from './llama/context.js';
import { type LibraryFiles } from './llama/library.js';
import { type EngineThreads } from './engine-threads.js';
import { eventLineLock } from './event-line.js';
import { OpenCalls, type Question } from './open-calls.js';
import { type KvUse, type ResolvedPlacement, type StreamEvent } from './protocol.js';
import { type TensorPin } from './tensor-pins.js';
import { abortFlagBytes } from './thread/abort-flag.js';
import { computeTeams } from './thread/compute-team.js';
import { Sender } from './thread/doorbell.js';
import { type Beat, readBeat } from './thread/heartbeat.js';
import {
  type FromThread,
  gauge,
  gaugeBytes,
  type ThreadFacts,
  type ThreadStart,
  type ToThread,
} from './thread/messages.js';

/** What a model's thread is made for, and who hears of it. */
export interface ModelHostOptions {
  readonly name: string;
  readonly files: LibraryFiles;
  readonly path: string;
  readonly placement: ResolvedPlacement;
  readonly pins: readonly TensorPin[];
  readonly options: DecidedOptions;
  /** Fraction of the weights that was read. */
  readonly onReading: (fraction: number) => void;
  readonly onWarmingUp: () => void;
  /** The last event of a stream; all of them where a simulated thread does not tell the server itself. */
  readonly onStream: (stream: number, event: StreamEvent) => void;
  /** Something to be logged. */
  readonly onBug: (message: string) => void;
  /** The thread is beyond repair; the process has to end. */
  readonly onFault: (message: string) => void;
  /** Where the model finds its thread. */
  readonly threads: EngineThreads;
}

/** The switchboard's side of one model thread. */
export class ModelHost {
  readonly name: string;
  readonly bell = new SharedArrayBuffer(4);
  readonly abort = new SharedArrayBuffer(abortFlagBytes);
  /** Settles when the load does. */
  readonly loaded: Promise<ThreadFacts>;
  /** Settles when the thread is done with the model, or gone. */
  readonly over: Promise<void>;
  readonly #gauges = new SharedArrayBuffer(gaugeBytes);
  readonly #host: ModelHostOptions;
  readonly #inbox: Sender<ToThread>;
  readonly #inboxPort: MessagePort;
  readonly #calls = new OpenCalls();
  #settleLoad: (result: Promise<ThreadFacts>) => void = () => undefined;
  #stopping = false;

  constructor(host: ModelHostOptions) {
    this.name = host.name;
    this.#host = host;
    const { port1, port2 } = new MessageChannel();
    this.#inboxPort = port1;
    this.#inbox = new Sender(port1, this.bell);
    const { files, path, placement, pins, options } = host;
    const start: ThreadStart = {
      files,
      path,
      placement,
      pins,
      options,
      debug: isDebugging(process.env),
      inbox: port2,
      bell: this.bell,
      gauges: this.#gauges,
      abort: this.abort,
      eventLine: eventLineLock(),
      teams: computeTeams(),
    };
    this.loaded = new Promise(resolve => {
      this.#settleLoad = resolve;
    });
    this.over = this.#run(start);
  }

  /** What is in its KV cache. */
  get kvUse(): KvUse {
    const gauges = new Int32Array(this.#gauges);
    return {
      usedTokens: Atomics.load(gauges, gauge.kvUsed),
      keptTokens: Atomics.load(gauges, gauge.kvKept),
    };
  }

  /** What the thread is at; undefined while it sleeps or loads. */
  get beat(): Beat | undefined {
    return readBeat(this.#gauges);
  }

  /** Tells the thread something. */
  send(message: ToThread): void {
    this.#inbox.send(message);
  }

  /** Hands the thread its line to another model's thread. */
  connect(peer: ModelHost, port: MessagePort): void {
    // Posted here and not through the sender: the port has to be transferred.
    const { name, bell, abort } = peer;
    const line = { type: 'peer', peer: name, port, bell, abort } satisfies ToThread;
    this.#inboxPort.postMessage(line, [port]);
    this.#inbox.ring();
  }

  /** Asks the thread something. */
  ask(question: Question<ToThread>): Promise<unknown> {
    return this.#calls.ask(call => this.send({ ...question, call }));
  }

  /** Makes a load that is under way fail with CANCELLED. */
  cancelLoad(): void {
    Atomics.store(new Int32Array(this.#gauges), gauge.cancelLoad, 1);
  }

  /** Frees everything native, and with it the thread. */
  async stop(): Promise<void> {
    this.#stopping = true;
    this.send({ type: 'stop' });
    await this.over;
  }

  async #run(start: ThreadStart): Promise<void> {
    const hear = (message: unknown): void => this.#onMessage(message as FromThread);
    try {
      await this.#host.threads.run({ type: 'serve', start }, [start.inbox], hear);
      this.#fail('model thread ended');
    } catch (error) {
      this.#fail(`model thread failed: ${String(error)}`);
    }
    this.#inboxPort.close();
    this.#calls.fail(new CodedError('MODEL_UNLOADED', 'the model was unloaded'));
  }

  #onMessage(message: FromThread): void {
    switch (message.type) {
      case 'loading':
        this.#host.onReading(message.fraction);
        return;
      case 'warmingUp':
        this.#host.onWarmingUp();
        return;
      case 'loaded':
        this.#settleLoad(Promise.resolve(message.facts));
        return;
      case 'loadFailed':
        this.#stopping = true;
        this.#settleLoad(Promise.reject(CodedError.fromData(message.error)));
        return;
      case 'stream':
        this.#host.onStream(message.stream, message.event);
        return;
      case 'reply':
      case 'failed':
        this.#calls.onMessage(message);
        return;
      case 'bug':
        this.#host.onBug(`${this.name}: ${message.message}`);
        return;
      case 'fault':
        this.#host.onFault(message.message);
        return;
    }
  }

  #fail(message: string): void {
    if (this.#stopping) return;
    this.#host.onFault(`${this.name}: ${message}`);
  }
}
