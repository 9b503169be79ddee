import { type LoadModelRequest, ModelState } from '@outrider/sdk/proto';
import { type Logger } from 'pino';
import { messageOf } from '../caught-error.js';
import { invalidField } from '../coded-error.js';
import { canonicalName } from '../registry/model-name.js';
import { type ModelRecord, wasLoaded } from '../registry/record.js';
import { type ModelRegistry } from '../registry/registry.js';
import { parseRemembered, type Remembered, rememberedText } from './remembered-file.js';
import { StateDirectory } from './state-directory.js';

/** What a memory needs from outside. */
export interface MemoryOptions {
  readonly log: Logger;
  /** Names of models that the configuration loads; what clients load under them is not remembered. */
  readonly configured: ReadonlySet<string>;
  /** Refuses a request that no client could make. */
  readonly check: (request: LoadModelRequest) => void;
}

/** Remembers the models that clients have loaded, and default drafts, in a folder. */
export class ModelMemory implements Disposable {
  readonly #directory: StateDirectory;
  readonly #options: MemoryOptions;
  readonly #models = new Map<string, LoadModelRequest>();
  #drafts = new Map<string, string>();
  #registry: ModelRegistry | undefined;
  /** Default drafts are those of the registry, because everything is loaded again. */
  #restored = false;
  #saved = '';

  /**
   * Opens the folder and reads what it holds. A file that cannot be used is logged and gets another name.
   * @throws CodedError INVALID_FIELD of `stateDir`
   */
  constructor(path: string, options: MemoryOptions) {
    this.#options = options;
    this.#directory = new StateDirectory(path);
    const { models, drafts } = this.#read();
    for (const model of models) {
      const name = `models/${model.modelId}`;
      if (!options.configured.has(name)) this.#models.set(name, model);
      else options.log.info({ model: name }, 'forgotten: the configuration has a model of this id');
    }
    this.#drafts = new Map(Object.entries(drafts));
  }

  /** What was remembered, and has not been unloaded since. */
  get remembered(): Remembered {
    // A target that was loaded anew comes after its draft in the map, and has to be there before it.
    const models = [...this.#models.values()].sort(
      (one, other) => this.#depth(one) - this.#depth(other),
    );
    return { models, drafts: Object.fromEntries(this.#drafts) };
  }

  /** Remembers what happens from now on. A change is on the disk before its caller hears of it. */
  follow(registry: ModelRegistry): void {
    this.#registry = registry;
    registry.onChange((record, known) => {
      this.#note(record, known);
      this.#save();
    });
  }

  /** Everything was loaded and paired again, or failed. */
  restored(): void {
    this.#restored = true;
    this.#save();
  }

  /** Remembers no more: what ends with the server is to come back. */
  freeze(): void {
    this.#registry = undefined;
  }

  /** Another server may have the folder. */
  [Symbol.dispose](): void {
    this.freeze();
    this.#directory[Symbol.dispose]();
  }

  /** How many remembered models have to be loaded before it, at most as many as there are. */
  #depth(model: LoadModelRequest): number {
    let depth = 0;
    let target = this.#targetOf(model);
    while (target !== undefined && depth < this.#models.size) {
      depth++;
      target = this.#targetOf(target);
    }
    return depth;
  }

  #targetOf({ draftFor }: LoadModelRequest): LoadModelRequest | undefined {
    const name = canonicalName(draftFor);
    return name === undefined ? undefined : this.#models.get(name);
  }

  #note(record: ModelRecord, known: boolean): void {
    const { name, trusted, state, request } = record;
    if (!known) {
      this.#models.delete(name);
      for (const [target, draft] of this.#drafts) {
        if (target === name || draft === name) this.#drafts.delete(target);
      }
    } else if (!trusted && !this.#options.configured.has(name) && state !== ModelState.LOADING) {
      // A load that has not succeeded yet may still be given up; what fails then is not kept.
      this.#models.set(name, { ...request, replace: false, detached: false });
    }
  }

  #save(): void {
    const registry = this.#registry;
    if (registry === undefined) return;
    if (this.#restored) this.#drafts = unusualDrafts(registry.records, this.#drafts);
    const text = rememberedText(this.remembered);
    if (text === this.#saved) return;
    try {
      this.#directory.write(FILE, text);
      this.#saved = text;
    } catch (error) {
      const { path } = this.#directory;
      this.#options.log.error({ why: messageOf(error), path }, 'models cannot be remembered');
    }
  }

  #readFile(): string | undefined {
    try {
      return this.#directory.read(FILE);
    } catch (error) {
      throw invalidField('stateDir', `${FILE} in it cannot be read: ${messageOf(error)}`);
    }
  }

  #read(): Remembered {
    const text = this.#readFile();
    if (text === undefined) return NOTHING;
    try {
      const remembered = parseRemembered(text);
      for (const model of remembered.models) this.#options.check(model);
      this.#saved = text;
      return remembered;
    } catch (error) {
      const why = messageOf(error);
      const aside = this.#directory.setAside(FILE);
      this.#options.log.error(
        { why, aside },
        'the file of remembered models cannot be used; it was set aside, nothing is loaded from it',
      );
      return NOTHING;
    }
  }
}

const FILE = 'models.json';

const NOTHING: Remembered = { models: [], drafts: {} };

/**
 * Default drafts that loading the same models again would not bring about.
 * @param before what they were; it stands where a draft that would pair itself is not loaded now
 */
function unusualDrafts(
  records: readonly ModelRecord[],
  before: ReadonlyMap<string, string>,
): Map<string, string> {
  const usual = new Map(
    records
      .filter(({ request }) => request.draftFor !== '')
      .map(draft => [canonicalName(draft.request.draftFor), draft]),
  );
  const drafts = new Map<string, string>();
  for (const { name, defaultDraft } of records) {
    const own = usual.get(name);
    const open = defaultDraft === undefined && own !== undefined && !wasLoaded(own);
    const unusual = open ? before.get(name) : (defaultDraft ?? '');
    if (unusual !== undefined && unusual !== (own?.name ?? '')) drafts.set(name, unusual);
  }
  return drafts;
}
