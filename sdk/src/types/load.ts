import { type Model, type ModelInfo, type RuntimeOptions, type Warning } from './model.js';
import {
  type DeviceUsage,
  type EffectivePlacement,
  type Placement,
  type Role,
} from './placement.js';
import { type UnavailablePolicy } from './speculation.js';

/** Asks for a model. Give `path` or `uri`. */
export interface LoadOptions {
  /** Its name becomes `models/{id}`. */
  readonly id: string;
  /** GGUF file, the first part of a split one; absolute, or relative to a model root of the server. */
  readonly path?: string | undefined;
  /** `hf:user/repo[:quant]`, `hf:user/repo/file.gguf`, `https://…`, `embedded:target` or `embedded:draft`. */
  readonly uri?: string | undefined;
  /** Hex digest the file must have. @default not checked */
  readonly sha256?: string | undefined;
  /** @default 'target'; 'draft' with `draftFor` */
  readonly role?: Role | undefined;
  /** @default by role */
  readonly placement?: Placement | undefined;
  /** @default the server's defaults */
  readonly options?: RuntimeOptions | undefined;
  /** A loaded target: check the vocabularies first, then become its default draft. */
  readonly draftFor?: string | undefined;
  /** With `draftFor`: `best_effort` ends in a `failed` model where memory or backend is missing. @default 'require' */
  readonly onUnavailable?: UnavailablePolicy | undefined;
  /** Same id, other settings: load beside the old one and take its place. @default false */
  readonly replace?: boolean | undefined;
  /** Go on when the caller leaves. @default false: the load is aborted */
  readonly detached?: boolean | undefined;
  /** Try even if the estimate does not fit. @default false */
  readonly skipMemoryCheck?: boolean | undefined;
  /** Engine process, made on demand; only models of one engine can pair. @default 'default' */
  readonly engine?: string | undefined;
}

/** A load to be planned; its id may be left out. */
export type PlanOptions = Omit<LoadOptions, 'id'> & {
  /** As in {@link LoadOptions}. */
  readonly id?: string | undefined;
};

/** Stages of a load, in their order. */
export type LoadStage = 'resolving' | 'downloading' | 'loading' | 'warming_up';

/** How far a load has come. */
export interface LoadProgress {
  /** What is being done. */
  stage?: LoadStage | undefined;
  /** Of this stage, 0 to 1. */
  fraction: number;
  /** Received while downloading, read while loading. */
  doneBytes: number;
  /** 0 while unknown. */
  totalBytes: number;
  /** Since the request. */
  elapsedMs: number;
}

/**
 * A load in flight, or one not yet begun: nothing is sent before the first use.
 * Iterate it, once, for progress; await it for the model. Leaving the loop early aborts the load unless `detached`.
 */
export interface Load extends PromiseLike<Model>, AsyncIterable<LoadProgress> {
  /** Leaves the load, which aborts it unless `detached`; awaiting it rejects with `CancelledError`. */
  cancel(): void;
}

/** What unloading gave back. */
export interface UnloadResult {
  /** Per device. */
  freed: DeviceUsage[];
  /** Streams ended by force. */
  abortedGenerations: number;
  /** Streams that lost their draft and went on. */
  detachedGenerations: number;
}

/** What is given up first when memory is short. */
export type PlanPolicy = 'draft_first' | 'context_first';

/** Kinds of concession. */
export type ConcessionKind =
  | 'draft_layers'
  | 'draft_to_cpu'
  | 'draft_dropped'
  | 'parallel_sequences'
  | 'target_layers'
  | 'context_length';

/** Something given up so that a plan fits. */
export interface Concession {
  /** What. */
  kind?: ConcessionKind | undefined;
  /** Where the bytes are freed. */
  device: string;
  /** How many. */
  freedBytes: number;
  /** False: listed as the next one, not needed to fit. */
  needed: boolean;
  /** For people. */
  description: string;
}

/** One model of a plan. */
export interface ModelPlan {
  /** As requested, computed. */
  placement?: EffectivePlacement | undefined;
  /** Effective. */
  options: RuntimeOptions;
  /** From the file's header. */
  info?: ModelInfo | undefined;
  /** The request after the needed concessions, automatic settings made explicit; absent when dropped. */
  suggestion?: PlanOptions | undefined;
}

/** One device of a plan. */
export interface DevicePlan {
  /** Device name. */
  device: string;
  /** In all. */
  totalBytes: number;
  /** Free now, or in all with `assumeEmpty`. */
  freeBytes: number;
  /** To be left free. */
  marginBytes: number;
  /** Needed by the target. */
  target?: DeviceUsage | undefined;
  /** Needed by the draft. */
  draft?: DeviceUsage | undefined;
  /** Of both. */
  neededBytes: number;
  /** Needed + margin <= free. */
  fits: boolean;
}

/** What a load, or a pair of loads, would do. */
export interface Plan {
  /** As requested, with nothing given up. */
  fits: boolean;
  /** The target. */
  target?: ModelPlan | undefined;
  /** The draft, if asked for. */
  draft?: ModelPlan | undefined;
  /** Every device of the inventory, `cpu` included. */
  devices: DevicePlan[];
  /** In the order in which they would be made; empty when it fits. */
  concessions: Concession[];
  /** Speculation is faster than plain decoding; absent: not known. */
  expectedToPay?: boolean | undefined;
  /** Against plain decoding, with a typical acceptance. */
  expectedSpeedup?: number | undefined;
  /** The reasoning, for people. */
  outlook?: string | undefined;
  /** As the load would give. */
  warnings: Warning[];
}
