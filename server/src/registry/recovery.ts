import { ModelState } from '@outrider/sdk/proto';
import { CodedError } from '../coded-error.js';
import { type EngineExit } from '../engine/engine.js';
import { type EngineHome } from './engine-homes.js';
import { loadSpec } from './loader.js';
import { LoadRun } from './load-run.js';
import { type ModelRecord } from './record.js';
import { type Shelf } from './shelf.js';

interface Waiter {
  readonly resolve: () => void;
  readonly reject: (error: CodedError) => void;
}

/** Brings the models of one engine back after its process has died. */
export class Recovery {
  readonly #home: EngineHome;
  readonly #shelf: Shelf;
  #process = 0;
  #waiting: Waiter[] = [];

  constructor(home: EngineHome, shelf: Shelf) {
    this.#home = home;
    this.#shelf = shelf;
    home.engine.onExit(exit => this.#died(exit));
    home.engine.onRestart(() => void this.#restarted());
  }

  /**
   * Resolves when the next engine process is up.
   * @throws CodedError SERVER_DRAINING when there will be none
   */
  nextProcess(): Promise<void> {
    return new Promise((resolve, reject) => this.#waiting.push({ resolve, reject }));
  }

  /** No other process will come. */
  close(error: CodedError): void {
    for (const { reject } of this.#waiting.splice(0)) reject(error);
  }

  /** Models of this engine that the server knows, in the order of loading. */
  get #records(): readonly ModelRecord[] {
    return this.#shelf.records.filter(({ home }) => home === this.#home);
  }

  #died({ how, backOffMs }: EngineExit): void {
    const shelf = this.#shelf;
    const { name: engine, crashes } = this.#home;
    const lost = new CodedError('ENGINE_RESTARTED', `the engine process has ended (${how})`, {
      metadata: { engine, last_exit: how },
      retryAfterMs: Math.max(MIN_RETRY_MS, backOffMs),
    });
    for (const record of this.#records) {
      if (record.generations.size > 0 || record.drafts.size > 0) crashes.blame(record.key);
      record.admission.refuseAll(lost);
      // A handler that is parked on a stalled reader would keep its sequence beyond the reload.
      for (const stream of record.generations) stream.end(lost);
      if (record.state === ModelState.DRAINING) record.lost = true;
      if (record.state !== ModelState.READY) continue;
      record.state = ModelState.RELOADING;
      record.run = new LoadRun(true, shelf.nowMs);
      shelf.changed(record);
    }
  }

  async #restarted(): Promise<void> {
    const { crashes } = this.#home;
    this.#process += 1;
    const process = this.#process;
    for (const record of this.#records) {
      if (crashes.condemns(record.key)) this.#condemn(record);
    }
    crashes.nextProcess();
    for (const { resolve } of this.#waiting.splice(0)) resolve();
    // One after the other, so that a model that kills the engine stands alone.
    for (const record of this.#records) {
      if (this.#process !== process) return;
      await this.#reload(record);
    }
  }

  #condemn(record: ModelRecord): void {
    if (record.state !== ModelState.RELOADING) return;
    const text = `the engine process ended three times while ${record.name} was loaded or at work`;
    const metadata = { model: record.name, last_exit: this.#home.engine.status().lastExit };
    this.#fail(record, new CodedError('MODEL_CRASHED_ENGINE', text, { metadata }));
  }

  async #reload(record: ModelRecord): Promise<void> {
    const shelf = this.#shelf;
    const { spec, run } = record;
    if (record.state !== ModelState.RELOADING || spec === undefined || run === undefined) return;
    try {
      await loadSpec(record, spec, run, shelf);
    } catch (error) {
      // Given up on purpose, or to be tried again with the next process.
      const coded = CodedError.from(error);
      if (!run.signal.aborted && coded.reason !== 'ENGINE_RESTARTED') this.#fail(record, coded);
      return;
    }
    if (!shelf.holds(record)) return;
    record.state = ModelState.READY;
    record.run = undefined;
    shelf.changed(record);
    run.succeed();
  }

  #fail(record: ModelRecord, error: CodedError): void {
    const { run } = record;
    this.#shelf.log.error({ model: record.name, reason: error.reason }, error.message);
    record.state = ModelState.FAILED;
    record.failure = error;
    record.run = undefined;
    this.#shelf.changed(record);
    run?.fail(error);
  }
}

const MIN_RETRY_MS = 200;
