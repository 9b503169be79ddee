import { type Flag } from './flags/flag.js';
import { type Io } from './io.js';
import { type Settings } from './settings.js';

/** What a command is run with. */
export interface Invocation {
  readonly settings: Settings;
  readonly operands: readonly string[];
  readonly io: Io;
  /** `--json` is on. */
  readonly json: boolean;
  /** Aborts at the first SIGINT or SIGTERM; the second ends the process. */
  readonly signal: AbortSignal;
}

/** One subcommand of `outrider`. */
export interface CommandSpec {
  readonly name: string;
  /** One line for the help. */
  readonly summary: string;
  /** Names of the operands, all required. */
  readonly operands: readonly string[];
  readonly flags: readonly Flag[];
  /**
   * Does the work; ending well is exit 0.
   * @throws CommandFailure, ClientError, CodedError: see `asFailure`
   */
  readonly run: (invocation: Invocation) => Promise<void>;
}
