import { ModelState } from '@outrider/sdk/proto';
import { CodedError } from '../coded-error.js';
import { load } from './loader.js';
import { LoadRun } from './load-run.js';
import { type ModelRecord } from './record.js';
import { type Shelf } from './shelf.js';

/** Runs the loads of a server, one after the other for each name, and shelves what comes of them. */
export class LoadRuns {
  readonly #shelf: Shelf;
  /** By name, the end of the last load, so that the next one of that name does not meet it in the engine. */
  readonly #endings = new Map<string, Promise<void>>();

  constructor(shelf: Shelf) {
    this.#shelf = shelf;
  }

  /**
   * Begins the load of a record.
   * @param detached it goes on without followers
   * @param keepFailed a failure leaves the record on the shelf
   */
  start(record: ModelRecord, detached: boolean, keepFailed: boolean): LoadRun {
    const run = new LoadRun(detached, this.#shelf.nowMs);
    record.run = run;
    record.state = ModelState.LOADING;
    record.failure = undefined;
    record.closing = false;
    record.lost = false;
    if (this.#shelf.holds(record)) this.#shelf.changed(record);
    const before = this.#endings.get(record.name);
    const ending = this.#perform(record, run, keepFailed, before).finally(() => {
      if (this.#endings.get(record.name) === ending) this.#endings.delete(record.name);
    });
    this.#endings.set(record.name, ending);
    return run;
  }

  /** Waits for the end of a load that was given up: it holds its id until the engine has let go of it. */
  async cleanedUp(modelId: string): Promise<void> {
    const record = this.#shelf.find(modelId);
    const runs = [record?.run, record?.successor?.run];
    const givenUp = runs.some(run => run?.signal.aborted === true);
    if (record !== undefined && givenUp) await this.#endings.get(record.name);
  }

  async #perform(
    record: ModelRecord,
    run: LoadRun,
    keepFailed: boolean,
    before: Promise<void> | undefined,
  ): Promise<void> {
    const { log } = this.#shelf;
    const known = this.#shelf.find(record.name);
    const old = known?.successor === record ? known : undefined;
    try {
      await before;
      await load(record, run, this.#shelf, old);
      record.run = undefined;
      log.info({ model: record.name, state: record.state, ms: record.loadMs }, 'model loaded');
      this.#shelf.changed(record);
      run.succeed();
    } catch (error) {
      const coded = CodedError.from(error);
      const level = run.signal.aborted ? 'info' : 'warn';
      log[level]({ model: record.name, reason: coded.reason }, coded.message);
      record.run = undefined;
      record.failure = coded;
      record.state = ModelState.FAILED;
      if (old !== undefined) old.successor = undefined;
      if (keepFailed && this.#shelf.holds(record)) this.#shelf.changed(record);
      else {
        this.#shelf.remove(record);
        await this.#shelf.homes.leave(record);
      }
      run.fail(coded);
    }
  }
}
