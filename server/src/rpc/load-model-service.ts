import {
  type GetModelRequest,
  type GetModelResponse,
  type ListModelsRequest,
  type ListModelsResponse,
  type LoadModelRequest,
  type LoadModelResponse,
  type LoadModelServiceImplementation,
  type PlanModelRequest,
  type PlanModelResponse,
  type SetDefaultDraftRequest,
  type SetDefaultDraftResponse,
  type UnloadModelRequest,
  type UnloadModelResponse,
} from '@outrider/sdk/proto';
import { CodedError } from '../coded-error.js';
import { type ModelRegistry } from '../registry/registry.js';
import {
  type BackgroundContext,
  type HandlerContext,
  type RequestContext,
} from './call-context.js';
import { abortFailure, CallDeadline } from './call-deadline.js';
import { page } from './page.js';
import { validateLoad } from './validate/load-model.js';
import { validatePlan } from './validate/plan.js';
import { validateName, validateSetDefaultDraft } from './validate/models.js';

/** The service that puts models onto devices and takes them off. */
export class LoadModelService implements LoadModelServiceImplementation<
  RequestContext & BackgroundContext
> {
  readonly #registry: ModelRegistry;

  constructor(registry: ModelRegistry) {
    this.#registry = registry;
  }

  async *loadModel(
    request: LoadModelRequest,
    context: HandlerContext,
  ): AsyncGenerator<LoadModelResponse, void, undefined> {
    const began = performance.now();
    context.facts['model'] = `models/${request.modelId}`;
    await this.#validate(request);
    const deadline = new CallDeadline(context, 'LOAD');
    const { signal } = deadline;
    try {
      const { record, progress } = await this.#registry.load(request, signal);
      for await (const stage of progress) {
        const elapsedMs = Math.round(performance.now() - began);
        yield { event: { $case: 'progress', value: { ...stage, elapsedMs } } };
      }
      yield { event: { $case: 'model', value: this.#registry.view(record) } };
    } catch (error) {
      throw signal.aborted ? abortFailure(signal) : error;
    } finally {
      deadline[Symbol.dispose]();
    }
  }

  /** Tells every wrong field at once, also those that only the devices show to be wrong. */
  async #validate(request: LoadModelRequest): Promise<void> {
    try {
      validateLoad(request);
    } catch (error) {
      throw await this.#registry.withPlacementFaults(CodedError.from(error), request);
    }
  }

  async unloadModel(
    request: UnloadModelRequest,
    context: HandlerContext,
  ): Promise<UnloadModelResponse> {
    context.facts['model'] = request.name;
    validateName('name', request.name);
    const { drainTimeoutMs, force, detach } = request;
    const { signal } = context;
    const options = { drainTimeoutMs, force, detach, signal };
    const { freed, ...counts } = await this.#registry.unload(request.name, options);
    return { freed: [...freed], ...counts };
  }

  async getModel(request: GetModelRequest): Promise<GetModelResponse> {
    validateName('name', request.name);
    return { model: this.#registry.view(this.#registry.get(request.name)) };
  }

  async listModels(request: ListModelsRequest): Promise<ListModelsResponse> {
    const { items, nextPageToken } = page(this.#registry.records, request);
    return { models: items.map(record => this.#registry.view(record)), nextPageToken };
  }

  async planModel(request: PlanModelRequest, context: HandlerContext): Promise<PlanModelResponse> {
    validatePlan(request);
    const deadline = new CallDeadline(context, 'LOAD');
    const { signal } = deadline;
    try {
      return await this.#registry.plan(request, signal);
    } catch (error) {
      throw signal.aborted ? abortFailure(signal) : error;
    } finally {
      deadline[Symbol.dispose]();
    }
  }

  async setDefaultDraft(request: SetDefaultDraftRequest): Promise<SetDefaultDraftResponse> {
    validateSetDefaultDraft(request);
    const target = await this.#registry.setDefaultDraft(request.target, request.draft);
    return { target: this.#registry.view(target) };
  }
}
