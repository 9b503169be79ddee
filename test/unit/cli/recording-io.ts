import { type Io } from '../../../server/src/cli/io.js';

/** A process for commands under test: what they write is kept, signals are sent by hand. */
export interface RecordingIo extends Io {
  /** Standard output so far. */
  readonly out: string;
  /** Standard error so far. */
  readonly err: string;
  /** Exit statuses given to `abandon`. */
  readonly abandoned: readonly number[];
  /** Delivers one SIGINT. */
  signal(): void;
}

/** What the pretended process has. */
export interface RecordingOptions {
  readonly env?: Readonly<Record<string, string>>;
  readonly input?: string;
  /** Both outputs are terminals. @default false */
  readonly terminal?: boolean;
  /** Called after each write to standard output. */
  readonly onWrite?: (io: RecordingIo) => void;
}

/** A fresh process that nobody else sees. */
export function recordingIo(options: RecordingOptions = {}): RecordingIo {
  const { env = {}, input = '', terminal = false, onWrite } = options;
  const listeners = new Set<() => void>();
  const abandoned: number[] = [];
  let out = '';
  let err = '';
  const io: RecordingIo = {
    env,
    outIsTerminal: terminal,
    errIsTerminal: terminal,
    get out() {
      return out;
    },
    get err() {
      return err;
    },
    abandoned,
    write: async text => {
      out += text;
      onWrite?.(io);
    },
    writeError: text => {
      err += text;
    },
    readInput: async () => input,
    onSignal: listener => {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    onReload: () => () => undefined,
    abandon: exit => {
      abandoned.push(exit);
    },
    signal: () => {
      for (const listener of listeners) listener();
    },
  };
  return io;
}
