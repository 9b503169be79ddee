import { type CodedErrorData } from '../../coded-error.js';
import { type DecidedOptions } from '../llama/context.js';
import { type LibraryFiles } from '../llama/library.js';
import { type ResolvedPlacement } from '../protocol.js';
import { type TensorPin } from '../tensor-pins.js';

/** What a dry run is started with. */
export interface DryRunStart {
  readonly files: LibraryFiles;
  readonly path: string;
  readonly placement: ResolvedPlacement;
  readonly pins: readonly TensorPin[];
  readonly options: DecidedOptions;
}

/** What a dry run finds out beside its log lines. */
export interface DryRunFacts {
  readonly parameterCount: number;
  readonly layers: number;
  readonly vocabularySize: number;
  readonly trainedContextLength: number;
  readonly hasChatTemplate: boolean;
  readonly canSpeculate: boolean;
}

/** The one message of a dry run's thread. */
export type FromDryRun =
  | { readonly type: 'done'; readonly facts: DryRunFacts }
  | { readonly type: 'failed'; readonly error: CodedErrorData };
