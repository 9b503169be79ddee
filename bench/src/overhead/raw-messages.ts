import { type LibraryFiles } from '../../../server/dist/engine/llama/library.js';
import { type DecidedOptions } from '../../../server/dist/engine/llama/context.js';

/** What the worker of the raw decoder is started with. */
export interface RawStart {
  readonly files: LibraryFiles;
  /** Whether the backends of these libraries are in this process already. */
  readonly backendsLoaded: boolean;
  /** GGUF file. */
  readonly path: string;
  readonly options: DecidedOptions;
}

/** One pass over one sequence. */
export interface RawStep {
  /** Rows with logits, at the positions behind what is held. */
  readonly rows: number;
  /** Of them, those that stay; the others are trimmed before the next pass. */
  readonly kept: number;
}

/** A generation as a list of passes, without what chose its tokens. */
export interface RawSchedule {
  readonly promptTokens: number;
  readonly steps: readonly RawStep[];
}

/** What the worker says: that it is ready, or how long each step of a schedule took in microseconds. */
export type FromRawWorker =
  { readonly type: 'ready' } | { readonly type: 'timed'; readonly stepsUs: readonly number[] };
