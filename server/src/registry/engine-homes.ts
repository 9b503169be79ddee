import { type Engine } from '../engine/engine.js';
import { DEFAULT_ENGINE, type EnginePool } from '../engine/engine-pool.js';
import { type LibraryVariant } from '../engine/protocol.js';
import { CrashLedger } from './crash-ledger.js';
import { variantFor } from './device-selection.js';
import { type ModelRecord } from './record.js';

/** One engine process as the registry sees it: who lives in it, and who was at work when it died. */
export interface EngineHome {
  readonly name: string;
  readonly engine: Engine;
  readonly crashes: CrashLedger;
  /** Models that were loaded into it, are about to be, or are to return to it. */
  readonly models: Set<ModelRecord>;
  /** Plans that are being made with it. */
  visits: number;
}

/** Who hears of engines that come and go. */
export interface HomeListener {
  opened(home: EngineHome): void;
  ended(home: EngineHome): void;
}

/** Brings models into engines, and ends an engine with its last model. The default one stays. */
export class EngineHomes {
  readonly #pool: EnginePool;
  readonly #nowMs: () => number;
  readonly #homes = new Map<string, EngineHome>();
  #listener: HomeListener | undefined;

  constructor(pool: EnginePool, nowMs: () => number) {
    this.#pool = pool;
    this.#nowMs = nowMs;
  }

  /** Follows the engines; those that are there are told of at once. */
  follow(listener: HomeListener): void {
    this.#listener = listener;
    for (const { name, engine } of this.#pool.all) this.#home(name, engine);
  }

  /** The engine of that name; while there is none the default one, which may run other libraries. */
  engineFor(name: string): Engine {
    const engine = this.#pool.find(name) ?? this.#pool.find(DEFAULT_ENGINE);
    if (engine === undefined) throw new Error('the default engine has been closed');
    return engine;
  }

  /**
   * Works with the engine of that name, without a model to put there. While there is none, the default one stands in,
   * unless the devices need other libraries: then one is started, and ends with the work if no model has come.
   * @throws CodedError ENGINE_ERROR when that does not start
   */
  async visit<Result>(
    name: string,
    devices: readonly string[],
    work: (engine: Engine) => Promise<Result>,
  ): Promise<Result> {
    const near = this.engineFor(name);
    const variant = variantFor(devices);
    const alike = variant === undefined || variant === near.status().library?.variant;
    if (this.#pool.find(name) === undefined && alike) return work(near);
    const home = await this.#open(name, variant);
    home.visits++;
    try {
      return await work(home.engine);
    } finally {
      home.visits--;
      await this.#endIfEmpty(home);
    }
  }

  /**
   * Gives a model its place in the engine that it was asked for, started if need be.
   * @throws CodedError ENGINE_ERROR when that does not start
   */
  async enter(record: ModelRecord): Promise<EngineHome> {
    const variant = variantFor(record.request.placement?.devices ?? []);
    const home = await this.#open(record.engineName, variant);
    home.models.add(record);
    record.home = home;
    return home;
  }

  /** Takes a model out that the engine does not hold any more. A second time does nothing. */
  async leave(record: ModelRecord): Promise<void> {
    const { home } = record;
    if (home === undefined || !home.models.delete(record)) return;
    await this.#endIfEmpty(home);
  }

  async #open(name: string, variant: LibraryVariant | undefined): Promise<EngineHome> {
    for (;;) {
      const engine = await this.#pool.open(name, variant);
      // It may have ended with its last model meanwhile.
      if (this.#pool.find(name) === engine) return this.#home(name, engine);
    }
  }

  async #endIfEmpty(home: EngineHome): Promise<void> {
    if (home.models.size > 0 || home.visits > 0 || home.name === DEFAULT_ENGINE) return;
    // A second leaver finds it ended, and a new one of its name is not its business.
    if (this.#homes.get(home.name) !== home) return;
    this.#homes.delete(home.name);
    this.#listener?.ended(home);
    await this.#pool.end(home.name);
  }

  #home(name: string, engine: Engine): EngineHome {
    const known = this.#homes.get(name);
    if (known?.engine === engine) return known;
    const home = {
      name,
      engine,
      crashes: new CrashLedger(this.#nowMs),
      models: new Set<ModelRecord>(),
      visits: 0,
    };
    this.#homes.set(name, home);
    this.#listener?.opened(home);
    return home;
  }
}
