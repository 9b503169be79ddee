import { CodedError } from '../coded-error.js';
import { type Engine } from './engine.js';
import { type LibraryVariant } from './protocol.js';

/** Name of the engine that is always there. */
export const DEFAULT_ENGINE = 'default';

/** An engine process and what it is called. */
export interface NamedEngine {
  readonly name: string;
  readonly engine: Engine;
}

/**
 * Makes an engine beside the default one.
 * @param variant the libraries that its first model needs; undefined: any will do
 */
export type StartEngine = (name: string, variant?: LibraryVariant) => Promise<Engine>;

/** The engine processes of a server by name: the default one, and others that are made when they are first asked for. */
export class EnginePool {
  readonly #start: StartEngine;
  readonly #engines = new Map<string, Engine>();
  readonly #starting = new Map<string, Promise<Engine>>();
  readonly #ending = new Set<Promise<void>>();
  #closed = false;

  /**
   * @param first the default engine
   * @param start makes another one
   */
  constructor(first: Engine, start: StartEngine) {
    this.#engines.set(DEFAULT_ENGINE, first);
    this.#start = start;
  }

  /** Every engine that was started and not ended, the default one first. */
  get all(): readonly NamedEngine[] {
    return [...this.#engines].map(([name, engine]) => ({ name, engine }));
  }

  /** Undefined while no engine has that name. */
  find(name: string): Engine | undefined {
    return this.#engines.get(name);
  }

  /**
   * The engine of that name, started if there is none.
   * @param variant the libraries that one is to be started with; one that runs keeps its own
   * @throws CodedError ENGINE_ERROR when it does not start; SERVER_DRAINING
   */
  async open(name: string, variant?: LibraryVariant): Promise<Engine> {
    const known = this.#engines.get(name) ?? this.#starting.get(name);
    if (known !== undefined) return known;
    if (this.#closed) throw draining();
    const starting = this.#launch(name, variant).finally(() => this.#starting.delete(name));
    this.#starting.set(name, starting);
    return starting;
  }

  /** Ends an engine that nobody needs any more. The name is free at once. */
  async end(name: string): Promise<void> {
    const engine = this.#engines.get(name);
    if (engine === undefined) return;
    this.#engines.delete(name);
    const ending = engine.close().finally(() => this.#ending.delete(ending));
    this.#ending.add(ending);
    await ending;
  }

  /** Ends every engine. */
  async close(): Promise<void> {
    this.#closed = true;
    await Promise.allSettled(this.#starting.values());
    await Promise.all([...this.#engines.keys()].map(name => this.end(name)));
    await Promise.all(this.#ending);
  }

  async #launch(name: string, variant: LibraryVariant | undefined): Promise<Engine> {
    const engine = await this.#start(name, variant);
    this.#engines.set(name, engine);
    if (this.#closed) throw draining();
    return engine;
  }
}

function draining(): CodedError {
  return new CodedError('SERVER_DRAINING', 'the server is shutting down');
}
