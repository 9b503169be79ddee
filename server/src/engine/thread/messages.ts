import {
  type DecodeCost,
  type DraftStopReason,
  type SpeculationOffReason,
} from '@outrider/sdk/proto';
import { type MessagePort } from 'node:worker_threads';
import { type CodedErrorData } from '../../coded-error.js';
import { type DecidedOptions } from '../llama/context.js';
import { type LibraryFiles } from '../llama/library.js';
import { type VocabularyFacts } from '../llama/vocab.js';
import { type Prices } from '../pace/value.js';
import {
  type DetokenizeSpec,
  type GenerateSpec,
  type ResolvedPlacement,
  type SamplingSpec,
  type StreamEvent,
  type TokenizeSpec,
} from '../protocol.js';
import { type TensorPin } from '../tensor-pins.js';

/** What a thread needs to load a model and to serve it. */
export interface ThreadStart {
  readonly files: LibraryFiles;
  readonly path: string;
  readonly placement: ResolvedPlacement;
  readonly pins: readonly TensorPin[];
  readonly options: DecidedOptions;
  /** Assert what must hold. */
  readonly debug: boolean;
  /** Messages of the switchboard. */
  readonly inbox: MessagePort;
  /** Rung after every message to this thread; the thread sleeps on it. */
  readonly bell: SharedArrayBuffer;
  /** What others may read of this thread at any time; slots in `gauge`. */
  readonly gauges: SharedArrayBuffer;
  /** Set by targets of this thread to give up a pass; see `AbortFlag`. */
  readonly abort: SharedArrayBuffer;
  /** Taken while a thread writes stream events to the server; see `EventLineWriter`. */
  readonly eventLine: SharedArrayBuffer;
  /** Counts the compute threads of the process; see `ComputeTeam`. */
  readonly teams: SharedArrayBuffer;
}

/** Slots of the shared Int32Array of a thread. */
export const gauge = {
  /** Positions in KV. */
  kvUsed: 0,
  /** Set to 1 to give a load up. */
  cancelLoad: 1,
  /** Rounds begun and ended; see `Heartbeat`. */
  round: 2,
  /** Rows of the pass that is under way. */
  rows: 3,
  /** Of those in KV, the ones kept of streams that are over. */
  kvKept: 4,
} as const;

/** Bytes of the shared gauges. */
export const gaugeBytes = 20;

/** What the switchboard tells a model thread. */
export type ToThread =
  | { readonly type: 'generate'; readonly spec: GenerateSpec; readonly draft?: DraftUse }
  | { readonly type: 'cancel'; readonly stream: number }
  | { readonly type: 'dropDraft'; readonly stream: number; readonly reason: SpeculationOffReason }
  | { readonly type: 'moveDraft'; readonly stream: number; readonly draft: DraftUse }
  | { readonly type: 'tokenize'; readonly call: number; readonly spec: TokenizeSpec }
  | { readonly type: 'detokenize'; readonly call: number; readonly spec: DetokenizeSpec }
  | { readonly type: 'texts'; readonly call: number }
  | {
      readonly type: 'peer';
      readonly peer: string;
      readonly port: MessagePort;
      readonly bell: SharedArrayBuffer;
      /** Gives up a pass of the peer; see `AbortFlag`. */
      readonly abort: SharedArrayBuffer;
    }
  | { readonly type: 'peerGone'; readonly peer: string }
  | { readonly type: 'stop' };

/** Which draft a stream uses, and how the two models share the machine. */
export interface DraftUse {
  /** Name of the draft model; a `peer` message for it came before. */
  readonly peer: string;
  /** The two models have no device in common, so the draft may read the prompt while the target does. */
  readonly disjoint: boolean;
  /** One pass of one row on the draft model, timed at load, in microseconds; unset: not timed. */
  readonly stepUs?: number;
}

/** What a model thread tells the switchboard. */
export type FromThread =
  | { readonly type: 'loading'; readonly fraction: number }
  | { readonly type: 'warmingUp' }
  | { readonly type: 'loaded'; readonly facts: ThreadFacts }
  | { readonly type: 'loadFailed'; readonly error: CodedErrorData }
  /** The last event of a stream, which the server has been told as all before it. A simulated thread tells every event so. */
  | { readonly type: 'stream'; readonly stream: number; readonly event: StreamEvent }
  | { readonly type: 'reply'; readonly call: number; readonly value: unknown }
  | { readonly type: 'failed'; readonly call: number; readonly error: CodedErrorData }
  /** Something to be looked at that no caller is told. */
  | { readonly type: 'bug'; readonly message: string }
  | { readonly type: 'fault'; readonly message: string };

/** What a thread knows of its model once it is loaded. */
export interface ThreadFacts {
  readonly vocabulary: VocabularyFacts;
  readonly bosText: string;
  readonly eosText: string;
  readonly chatTemplate: string;
  readonly parameterCount: number;
  readonly layers: number;
  readonly trainedContextLength: number;
  readonly canSpeculate: boolean;
  readonly cells: number;
  readonly decodeCosts: readonly DecodeCost[];
}

/** How far a chain goes beyond what is committed. */
export interface DraftGoal {
  /** Most proposals. */
  readonly ahead: number;
  /** What one more has to be worth; unset: anything. */
  readonly prices?: Prices;
  /** Send each proposal at once, because the target does not wait for the last. */
  readonly running: boolean;
  /** Of a text that the chain is behind, read only so many tokens at the end; unset: all of it. */
  readonly window?: number;
}

/** One drafted token. */
export interface Proposal {
  readonly id: number;
  /** The leader's score against the runner-up's alone, 0.5 to 1. */
  readonly confidence: number;
  /** The draft's own; 0 when it was not asked for. */
  readonly probability: number;
  /** Compute time, in microseconds. */
  readonly us: number;
  /** Committed tokens that the chain knew of when it proposed this one. */
  readonly known: number;
}

/** What a target's thread tells a draft's thread. */
export type ToDraft =
  | {
      readonly type: 'open';
      readonly stream: number;
      /** Number of the chain within its stream, which its answers carry: a stream that changed its draft knows them apart. */
      readonly chain: number;
      readonly sampling: SamplingSpec;
      readonly promptIds: Uint32Array;
      /** Ids of the target's vocabulary; larger ones are never drafted. */
      readonly vocabularySize: number;
      readonly minProbability: number;
      /** Report each proposal's probability. */
      readonly detailed: boolean;
      /** Read the prompt at once instead of with the first commit. */
      readonly eager: boolean;
      /** Begin with KV that another chain left, and leave one's own. */
      readonly cachePrompt: boolean;
    }
  | {
      readonly type: 'commit';
      readonly stream: number;
      /** Index of the first of `ids` in the stream's token list. */
      readonly at: number;
      readonly ids: readonly number[];
      readonly goal: DraftGoal;
      /** Grows whenever what was proposed beyond `ids` is to be dropped, right or wrong. */
      readonly epoch: number;
    }
  | { readonly type: 'close'; readonly stream: number };

/** What a draft's thread answers. */
export type FromDraft =
  | {
      readonly type: 'proposals';
      readonly stream: number;
      readonly chain: number;
      /** Grows whenever the chain drops proposals that turned out wrong. */
      readonly revision: number;
      /** Of the last commit that the chain knew of. */
      readonly epoch: number;
      /** Committed tokens that the chain knew of. */
      readonly known: number;
      /** Index in the stream's token list of the first proposal. */
      readonly base: number;
      readonly proposals: readonly Proposal[];
      /** Rows that the draft evaluated since its last answer. */
      readonly rows: number;
      /** Tokens that the chain began with in its KV already. */
      readonly reused: number;
      /** Why there will be no more until the next commit; unset: there will. */
      readonly stopReason?: DraftStopReason;
    }
  | {
      readonly type: 'lost';
      readonly stream: number;
      readonly chain: number;
      readonly reason: SpeculationOffReason;
    };
