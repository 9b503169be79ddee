import { type CallOptions } from './call.js';
import { type DeviceInventory } from './device.js';
import {
  type Load,
  type LoadOptions,
  type Plan,
  type PlanOptions,
  type PlanPolicy,
  type UnloadResult,
} from './load.js';
import { type Model } from './model.js';

/** How a model is freed. Without any of these a model in use is refused with `ModelInUseError`. */
export interface UnloadOptions {
  /** Take nothing new and wait so long for streams to end. @default do not wait */
  readonly drainTimeoutMs?: number | undefined;
  /** Then end the streams that are left. @default false */
  readonly force?: boolean | undefined;
  /** Streams that only draft with it go on without it. @default false */
  readonly detach?: boolean | undefined;
}

/** What to plan: a target, a draft, or both. */
export interface PlanRequest {
  /** @default the loaded model that `draft.draftFor` names */
  readonly target?: PlanOptions | undefined;
  /** @default no draft */
  readonly draft?: PlanOptions | undefined;
  /** What to give up first. @default 'draft_first' */
  readonly policy?: PlanPolicy | undefined;
  /** As if nothing were loaded. @default false */
  readonly assumeEmpty?: boolean | undefined;
}

/** Puts models onto devices and takes them off. Names are `big` or `models/big`. */
export interface Models {
  /** Loads a model; iterate for progress, await the model. @throws InvalidRequestError at once for unknown options */
  load(request: LoadOptions, call?: CallOptions): Load;
  /** One model in any state. @throws ModelNotFoundError */
  get(name: string, call?: CallOptions): Promise<Model>;
  /** Models by name; pages are fetched as they are needed. */
  list(call?: CallOptions): AsyncIterable<Model> & PromiseLike<Model[]>;
  /** Frees a model. Retried only if the server asks for it. @throws ModelInUseError */
  unload(name: string, options?: UnloadOptions, call?: CallOptions): Promise<UnloadResult>;
  /** What loads would do; nothing is loaded. A plan that does not fit is not an error. */
  plan(request: PlanRequest, call?: CallOptions): Promise<Plan>;
  /** Pairs a target with the draft it uses by default; `null` detaches. @throws VocabularyMismatchError */
  setDefaultDraft(target: string, draft: string | null, call?: CallOptions): Promise<Model>;
}

/** Tells what there is to place models on. */
export interface Devices {
  /** The inventory now. */
  info(call?: CallOptions): Promise<DeviceInventory>;
  /** The inventory at once, then at each interval (100 to 60000 ms, default 1000) and after each load and unload. */
  watch(
    options?: { readonly intervalMs?: number | undefined },
    call?: CallOptions,
  ): AsyncIterable<DeviceInventory>;
}
