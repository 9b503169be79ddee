import { readModel } from '../convert/model.js';
import { type ListModelsResponse } from '../proto.js';
import { type Model } from '../types/model.js';

/** Models page by page; each iteration, and each await, asks anew. */
export class ModelList implements AsyncIterable<Model>, PromiseLike<Model[]> {
  readonly #page: (pageToken: string) => Promise<ListModelsResponse>;

  constructor(page: (pageToken: string) => Promise<ListModelsResponse>) {
    this.#page = page;
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Model, void, undefined> {
    let pageToken = '';
    do {
      const { models, nextPageToken } = await this.#page(pageToken);
      for (const model of models) yield readModel(model);
      pageToken = nextPageToken;
    } while (pageToken !== '');
  }

  then<Fulfilled = Model[], Rejected = never>(
    onfulfilled?: ((value: Model[]) => Fulfilled | PromiseLike<Fulfilled>) | null,
    onrejected?: ((reason: unknown) => Rejected | PromiseLike<Rejected>) | null,
  ): Promise<Fulfilled | Rejected> {
    return this.#all().then(onfulfilled, onrejected);
  }

  async #all(): Promise<Model[]> {
    const models: Model[] = [];
    for await (const model of this) models.push(model);
    return models;
  }
}
