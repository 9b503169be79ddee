import { type Absences, findAbsences, readBackends } from './llama/backends.js';
import { readDevices } from './llama/devices.js';
import { type LlamaFunctions } from './llama/functions.js';
import { type LibraryFiles } from './llama/library.js';
import { type EngineInventory } from './protocol.js';
import { type Remotes } from './remotes.js';

/** What the engine can place models on. */
export class Inventory {
  readonly #llama: LlamaFunctions;
  readonly #files: LibraryFiles;
  readonly #remotes: Remotes;
  #absences: Promise<Absences> | undefined;

  constructor(llama: LlamaFunctions, files: LibraryFiles, remotes: Remotes) {
    this.#llama = llama;
    this.#files = files;
    this.#remotes = remotes;
  }

  /**
   * Devices with their memory as it is now, and backends.
   * @param busy remote devices that models of this engine use
   * @param mayAdd whether workers that have come back may be added
   */
  async read(busy: () => readonly string[], mayAdd: () => boolean): Promise<EngineInventory> {
    // What is loaded does not change while the process lives, and drivers are looked for once.
    this.#absences ??= findAbsences(this.#llama, this.#files);
    const absences = await this.#absences;
    return this.#remotes.read(busy, mayAdd, () => {
      const answers = (endpoint: string): boolean => this.#remotes.answers(endpoint);
      const devices = readDevices(this.#llama, answers).filter(
        ({ info }) => info.backend !== 'RPC' || answers(info.description),
      );
      return {
        devices: devices.map(device => device.info),
        backends: [...readBackends(this.#llama, devices, absences), ...this.#remotes.unusable],
      };
    });
  }
}
