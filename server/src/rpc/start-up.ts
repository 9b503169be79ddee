import { type LoadModelRequest, ModelState, Role } from '@outrider/sdk/proto';
import { type ModelRegistry } from '../registry/registry.js';
import { type Remembered } from '../state/remembered-file.js';

/** The models that a server begins with, until the last of them has been loaded. */
export class StartUp {
  readonly #models: readonly LoadModelRequest[];
  readonly #registry: ModelRegistry;
  readonly #missing: Set<string>;
  #tried = false;
  #complete: () => void = () => undefined;
  /**
   * Resolves when everything was tried and each configured model has been READY, has no need to be (BEST_EFFORT), or was
   * unloaded. A remembered model that fails holds nobody up.
   */
  readonly complete: Promise<void>;

  constructor(models: readonly LoadModelRequest[], registry: ModelRegistry) {
    this.#models = models;
    this.#registry = registry;
    this.#missing = new Set(models.map(({ modelId }) => `models/${modelId}`));
    this.complete = new Promise(resolve => (this.#complete = resolve));
    registry.onChange(({ name, state }, known) => {
      if (!known || state === ModelState.READY) this.#settle(name);
    });
  }

  /** Why the server is not ready; undefined when it is. */
  get problem(): string | undefined {
    if (this.#tried && this.#missing.size === 0) return undefined;
    const failed = [...this.#missing].flatMap(name => {
      const record = this.#registry.find(name);
      if (record?.state !== ModelState.FAILED || record.failure === undefined) return [];
      return [`${name} has failed: ${record.failure.reason}: ${record.failure.message}`];
    });
    return ['the start-up models are not loaded', ...failed].join('; ');
  }

  /**
   * Loads what the configuration says and then what is remembered, one after the other, so that a draft finds its target.
   * @param remembered what is remembered now: a client may change that meanwhile
   * @throws the first failure of a configured model, once everything was tried
   */
  async load(remembered: () => Remembered): Promise<void> {
    const failures: unknown[] = [];
    for (const model of this.#models) {
      try {
        await this.#registry.loadAtStart(model, { trusted: true });
        this.#settle(`models/${model.modelId}`);
      } catch (error) {
        failures.push(error);
      }
    }
    await this.#restore(remembered);
    this.#tried = true;
    this.#settle('');
    if (failures.length > 0) throw failures[0];
  }

  /** Failures are in the log and in the models' states. */
  async #restore(remembered: () => Remembered): Promise<void> {
    for (const model of remembered().models) {
      // A client was faster: it loads or has loaded another one, or has unloaded that again.
      const known = this.#registry.find(model.modelId) !== undefined;
      if (known || !remembered().models.includes(model)) continue;
      await this.#registry
        .loadAtStart(this.#pairable(model), { trusted: false })
        .catch(() => undefined);
    }
    for (const [target, draft] of Object.entries(remembered().drafts)) {
      await this.#registry.restoreDefaultDraft(target, draft);
    }
  }

  /** A draft whose target is gone is loaded all the same, because others may draft with it. */
  #pairable(model: LoadModelRequest): LoadModelRequest {
    const { draftFor } = model;
    if (draftFor === '' || this.#registry.find(draftFor) !== undefined) return model;
    return { ...model, draftFor: '', role: Role.DRAFT };
  }

  #settle(name: string): void {
    this.#missing.delete(name);
    if (this.#tried && this.#missing.size === 0) this.#complete();
  }
}
