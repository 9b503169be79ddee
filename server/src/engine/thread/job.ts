import { CodedError } from '../../coded-error.js';
import { type DryRunStart } from './dry-run-messages.js';
import { type ThreadStart } from './messages.js';

/** What a thread of the engine is given to do. */
export type ThreadJob =
  /** Load a model and serve it until told to stop; says `FromThread`. */
  | { readonly type: 'serve'; readonly start: ThreadStart }
  /** Open a model without memory behind it; says `FromDryRun`. */
  | { readonly type: 'dryRun'; readonly start: DryRunStart };

/** The last word of a job whose thread is as it was before. After a job that ends otherwise the thread ends too. */
export interface JobOver {
  readonly type: 'over';
}

/** Whether a load that failed so was refused in good order, with everything freed and nothing left in doubt. */
export function isRefusal(error: unknown): boolean {
  return error instanceof CodedError && error.reason !== 'ENGINE_ERROR';
}
