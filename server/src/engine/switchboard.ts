import { CodedError } from '../coded-error.js';
import { EngineThreads } from './engine-threads.js';
import { Inventory } from './inventory.js';
import { computeApart } from './layer-devices.js';
import { type LlamaFunctions } from './llama/functions.js';
import { type LibraryFiles } from './llama/library.js';
import { type LlamaLogLevel } from './llama/log.js';
import { LoadTurns } from './load-turns.js';
import { type ModelHost } from './model-host.js';
import { type HostedModel, ModelLoad } from './model-load.js';
import { ModelPlan } from './model-plan.js';
import { PeerLines } from './peer-lines.js';
import {
  type FromEngine,
  type GenerateSpec,
  type KvUse,
  type LoadedModel,
  type LoadSpec,
  type PairVerdict,
  type PlannedModel,
  type ToEngine,
} from './protocol.js';
import { Pulse } from './pulse.js';
import { type DraftUse } from './thread/messages.js';
import { type Remotes } from './remotes.js';
import { compareVocabularies } from './vocabulary-pair.js';

// A report wakes both processes, which costs a plain decode on all cores more than the report is worth.
const kvReportMs = 1000;

/** The main thread of the engine process: takes the server's messages, runs loads one at a time, and routes streams. */
export class Switchboard {
  readonly #llama: LlamaFunctions;
  readonly #files: LibraryFiles;
  readonly #send: (message: FromEngine) => void;
  readonly #die: () => void;
  readonly #hosted = new Map<string, HostedModel>();
  readonly #streams = new Map<number, HostedModel>();
  readonly #lines = new PeerLines();
  readonly #kvTold = new Map<string, KvUse>();
  readonly #waitingLoads = new Map<string, ModelLoad>();
  readonly #remotes: Remotes;
  readonly #inventory: Inventory;
  readonly #threads = new EngineThreads();
  readonly #pulse = new Pulse();
  readonly #turns = new LoadTurns();

  /** @param die ends the process at once */
  constructor(
    llama: LlamaFunctions,
    files: LibraryFiles,
    remotes: Remotes,
    send: (message: FromEngine) => void,
    die: () => void,
  ) {
    this.#llama = llama;
    this.#files = files;
    this.#remotes = remotes;
    this.#inventory = new Inventory(llama, files, remotes);
    this.#send = send;
    this.#die = die;
    setInterval(() => this.#reportKv(), kvReportMs).unref();
  }

  /** Adds the remote devices whose workers answer, and says which do not. */
  async joinWorkers(): Promise<void> {
    await this.#remotes.read(
      () => [],
      () => true,
      () => undefined,
    );
    for (const { name, reason } of this.#remotes.unusable)
      this.#send({ type: 'log', level: 'warn', message: `${name} cannot be used: ${reason}` });
  }

  /** Takes a line of llama.cpp's log. */
  onLogLine(level: LlamaLogLevel, line: string): void {
    this.#turns.onLogLine(level, line);
    // A load that fails tells its lines in its error; what llama.cpp finds odd about one that works is rarely news.
    if (level === 'warn' || level === 'error')
      this.#send({ type: 'log', level: 'debug', message: line });
  }

  /** Takes one message of the server. */
  onMessage(message: ToEngine): void {
    switch (message.type) {
      case 'load':
        this.#answer(message.call, this.#load(message.call, message.spec));
        return;
      case 'plan':
        this.#answer(message.call, this.#plan(message.spec));
        return;
      case 'cancelLoad':
        this.#waitingLoads.get(message.model)?.cancel();
        return;
      case 'unload':
        this.#answer(message.call, this.#unload(message.model));
        return;
      case 'inventory':
        this.#answer(
          message.call,
          this.#inventory.read(
            () => this.#busyDevices(),
            () => this.#turns.idle,
          ),
        );
        return;
      case 'pulse':
        this.#send({ type: 'reply', call: message.call, value: this.#pulse.read() });
        return;
      case 'tokenize':
        this.#answer(message.call, this.#ask(message.spec.model, 'tokenize', message.spec));
        return;
      case 'detokenize':
        this.#answer(message.call, this.#ask(message.spec.model, 'detokenize', message.spec));
        return;
      case 'comparePair':
        this.#answer(message.call, this.#comparePair(message.target, message.draft));
        return;
      case 'generate':
        this.#generate(message.spec);
        return;
      case 'detachDraft':
        this.#streams.get(message.stream)?.host.send({
          type: 'dropDraft',
          stream: message.stream,
          reason: 'SPECULATION_OFF_REASON_DRAFT_UNLOADED',
        });
        return;
      case 'moveDraft':
        this.#moveDraft(message.stream, message.draft);
        return;
      case 'cancel':
        this.#streams.get(message.stream)?.host.send({ type: 'cancel', stream: message.stream });
        return;
      case 'shutdown':
        void this.shutdown();
        return;
    }
  }

  /** Frees every model and ends the process. */
  async shutdown(): Promise<void> {
    for (const load of this.#waitingLoads.values()) load.cancel();
    await this.#turns.over;
    await Promise.all([...this.#hosted.values()].map(({ host }) => host.stop()));
    this.#die();
  }

  #answer(call: number, work: Promise<unknown>): void {
    work.then(
      value => this.#send({ type: 'reply', call, value }),
      (error: unknown) => {
        const coded = CodedError.from(error);
        if (coded.reason === 'INTERNAL')
          this.#send({ type: 'log', level: 'error', message: String(coded.cause) });
        this.#send({ type: 'failed', call, error: coded.toData() });
      },
    );
  }

  #load(call: number, spec: LoadSpec): Promise<LoadedModel> {
    const load = new ModelLoad(spec);
    this.#waitingLoads.set(spec.model, load);
    const check = async (): Promise<void> => {
      load.requireWanted();
      await this.#requireRemotes(spec);
    };
    const loaded = this.#turns.take(load, check, async () => {
      try {
        const hosted = await load.run(this.#llama, this.#files, this.#threads, {
          onProgress: progress => this.#send({ type: 'loadProgress', call, progress }),
          onStreamOver: stream => this.#streams.delete(stream),
          onBug: message => this.#send({ type: 'log', level: 'error', message }),
          onFault: message => this.#fault(message),
        });
        this.#hosted.set(spec.model, hosted);
        this.#pulse.follow(hosted.host);
        return hosted.model;
      } finally {
        if (this.#waitingLoads.get(spec.model) === load) this.#waitingLoads.delete(spec.model);
      }
    });
    // One that is given up while it waits is over at once.
    return Promise.race([loaded, load.givenUp]);
  }

  #plan(spec: LoadSpec): Promise<PlannedModel> {
    const plan = new ModelPlan(spec);
    return this.#turns.take(
      plan,
      () => this.#requireRemotes(spec),
      () => plan.run(this.#llama, this.#files, this.#threads),
    );
  }

  async #unload(model: string): Promise<void> {
    const { host } = this.#find(model);
    this.#hosted.delete(model);
    this.#kvTold.delete(model);
    await this.#lines.stop(host);
  }

  /** Devices of models that are loaded, or are being loaded or planned. */
  #busyDevices(): string[] {
    const loaded = [...this.#hosted.values()].map(({ model }) => model.placement.devices);
    return [...loaded, this.#turns.devices].flat();
  }

  /** @throws CodedError BACKEND_UNAVAILABLE when a device is remote and its worker cannot be used */
  #requireRemotes({ placement: { devices } }: LoadSpec): Promise<void> {
    return this.#remotes.read(
      () => this.#busyDevices(),
      () => true,
      () => this.#remotes.require(devices),
    );
  }

  async #ask(model: string, type: 'tokenize' | 'detokenize', spec: object): Promise<unknown> {
    return this.#find(model).host.ask({ type, spec } as Parameters<ModelHost['ask']>[0]);
  }

  async #comparePair(target: string, draft: string): Promise<PairVerdict> {
    const [one, other] = [this.#find(target), this.#find(draft)];
    const texts = async ({ host }: HostedModel): Promise<readonly string[]> =>
      (await host.ask({ type: 'texts' })) as readonly string[];
    return compareVocabularies(
      { facts: one.facts.vocabulary, texts: () => texts(one) },
      { facts: other.facts.vocabulary, texts: () => texts(other) },
    );
  }

  #generate(spec: GenerateSpec): void {
    try {
      const target = this.#find(spec.model);
      const { draftModel } = spec.speculation;
      this.#streams.set(spec.stream, target);
      if (draftModel === undefined) {
        target.host.send({ type: 'generate', spec });
        return;
      }
      target.host.send({ type: 'generate', spec, draft: this.#pair(target, draftModel) });
    } catch (error) {
      this.#streams.delete(spec.stream);
      const failure = CodedError.from(error).toData();
      this.#send({
        type: 'stream',
        stream: spec.stream,
        event: { type: 'failed', error: failure },
      });
    }
  }

  #moveDraft(stream: number, draftModel: string): void {
    const target = this.#streams.get(stream);
    if (target === undefined) return;
    target.host.send({ type: 'moveDraft', stream, draft: this.#pair(target, draftModel) });
  }

  /** Connects a target with a draft. */
  #pair(target: HostedModel, draftModel: string): DraftUse {
    const draft = this.#find(draftModel);
    this.#lines.connect(target.host, draft.host);
    const disjoint = computeApart(target.model.placement, draft.model.placement);
    const stepUs = draft.facts.decodeCosts.find(({ rows }) => rows === 1)?.durationUs;
    return { peer: draft.host.name, disjoint, ...(stepUs === undefined ? {} : { stepUs }) };
  }

  #find(model: string): HostedModel {
    const hosted = this.#hosted.get(model);
    if (hosted === undefined)
      throw new CodedError('ENGINE_ERROR', `the engine does not hold ${model}`);
    return hosted;
  }

  #reportKv(): void {
    for (const [model, { host }] of this.#hosted) {
      const use = host.kvUse;
      const told = this.#kvTold.get(model);
      if (told?.usedTokens === use.usedTokens && told.keptTokens === use.keptTokens) continue;
      this.#kvTold.set(model, use);
      this.#send({ type: 'kvUse', model, use });
    }
  }

  #fault(message: string): void {
    this.#send({ type: 'log', level: 'error', message });
    // Left to the supervisor: a fresh process is the only state that is known to be good.
    setImmediate(this.#die);
  }
}
