import { type BackendInfo } from '@outrider/sdk/proto';
import { CodedError } from '../coded-error.js';

/** How workers are talked to. */
export interface Workers {
  /** Whether the libraries can use any. */
  readonly supported: boolean;
  /** Why a worker cannot be used; undefined if it can. */
  readonly greet: (endpoint: string) => Promise<string | undefined>;
  /** Adds the devices of a worker that answers, and names them. */
  readonly add: (endpoint: string) => readonly string[];
}

/**
 * The RPC workers whose devices this engine offers. llama.cpp ends the process where it talks to a worker that is gone,
 * so each is greeted before it is asked anything, unless a model of this engine holds the worker's only connection.
 * Devices are numbered over all workers in the order of joining, so one waits for those before it.
 */
export class Remotes {
  readonly #endpoints: readonly string[];
  readonly #workers: Workers;
  /** Worker of each device that was added. */
  readonly #owners = new Map<string, string>();
  readonly #added = new Set<string>();
  readonly #faults = new Map<string, string>();
  #turn: Promise<unknown> = Promise.resolve();

  /**
   * @param endpoints `host:port` each
   * @throws CodedError BACKEND_UNAVAILABLE when there are some and the libraries have no RPC backend
   */
  constructor(endpoints: readonly string[], workers: Workers) {
    if (endpoints.length > 0 && !workers.supported) {
      const cause = 'the libraries in use have no RPC backend; a build with GGML_RPC=ON has one';
      throw new CodedError('BACKEND_UNAVAILABLE', `rpc: ${cause}`, {
        metadata: { backend: 'RPC', cause },
        violations: [{ field: 'rpc', description: cause }],
      });
    }
    this.#endpoints = endpoints;
    this.#workers = workers;
  }

  /**
   * Greets the workers, adds those that answer for the first time, and then reads. One after the other: a call of
   * llama.cpp that waited here for a worker which is still being greeted would wait for ever.
   * @param busy devices that models of this engine use
   * @param mayAdd false while something else may walk llama.cpp's list of devices
   * @param read what may ask the workers that answer; at once, without waiting for anything
   */
  read<Result>(
    busy: () => readonly string[],
    mayAdd: () => boolean,
    read: () => Result,
  ): Promise<Result> {
    const done = this.#turn.then(async () => {
      await this.#refresh(busy, mayAdd);
      return read();
    });
    this.#turn = done.catch(() => undefined);
    return done;
  }

  /** Whether the worker may be asked for its memory. */
  answers(endpoint: string): boolean {
    return this.#added.has(endpoint) && !this.#faults.has(endpoint);
  }

  /** One entry for each worker that cannot be used. */
  get unusable(): BackendInfo[] {
    return [...this.#faults].map(([endpoint, reason]) => ({
      name: `RPC[${endpoint}]`,
      usable: false,
      reason,
    }));
  }

  /** @throws CodedError BACKEND_UNAVAILABLE when a remote device among these cannot be used */
  require(devices: readonly string[]): void {
    for (const device of devices.filter(name => /^RPC\d+$/.test(name))) {
      const owner = this.#owners.get(device);
      const fault = owner === undefined ? this.#missing() : this.#faults.get(owner);
      if (fault === undefined) continue;
      const cause = owner === undefined ? fault : `${owner}: ${fault}`;
      throw new CodedError('BACKEND_UNAVAILABLE', `${device} cannot be used: ${cause}`, {
        metadata: { device, backend: 'RPC', cause },
      });
    }
  }

  async #refresh(busy: () => readonly string[], mayAdd: () => boolean): Promise<void> {
    const serves = (endpoint: string): boolean =>
      busy().some(device => this.#owners.get(device) === endpoint);
    const faults = await Promise.all(
      this.#endpoints.map(async at => (serves(at) ? undefined : this.#workers.greet(at))),
    );
    let before: string | undefined;
    this.#endpoints.forEach((endpoint, i) => {
      // A load may have taken the connection while the worker was greeted.
      const fault = serves(endpoint)
        ? undefined
        : (faults[i] ?? this.#join(endpoint, before, mayAdd));
      if (fault === undefined) this.#faults.delete(endpoint);
      else this.#faults.set(endpoint, fault);
      if (!this.#added.has(endpoint)) before ??= endpoint;
    });
  }

  #missing(): string {
    const told = [...this.#faults].map(([endpoint, fault]) => `${endpoint}: ${fault}`);
    return told.join('; ') || 'no worker brings it';
  }

  /** Adds a worker that answers, if it is its turn. */
  #join(endpoint: string, before: string | undefined, mayAdd: () => boolean): string | undefined {
    if (this.#added.has(endpoint)) return undefined;
    if (before !== undefined)
      return `its devices are numbered behind those of ${before}, which is not there`;
    if (!mayAdd()) return 'it was not added yet, because a model is being loaded';
    const names = this.#workers.add(endpoint);
    if (names.length === 0) return 'it offers no device';
    this.#added.add(endpoint);
    for (const name of names) this.#owners.set(name, endpoint);
    return undefined;
  }
}
