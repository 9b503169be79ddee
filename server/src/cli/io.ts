import { once } from 'node:events';
import { text } from 'node:stream/consumers';
import { outputClosed } from './failure.js';

/** What a command sees of the process it runs in. */
export interface Io {
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Standard output is a terminal. */
  readonly outIsTerminal: boolean;
  /** Standard error is a terminal. */
  readonly errIsTerminal: boolean;
  /**
   * Writes to standard output and waits while its reader is behind.
   * @throws CommandFailure OUTPUT_CLOSED when the reader has left
   */
  write(text: string): Promise<void>;
  /** Writes to standard error. */
  writeError(text: string): void;
  /** All of standard input. */
  readInput(): Promise<string>;
  /** Calls the listener at each SIGINT and SIGTERM until the returned function is called. */
  onSignal(listener: () => void): () => void;
  /** Calls the listener at each SIGHUP, which then no longer ends the process, until the returned function is called. */
  onReload(listener: () => void): () => void;
  /** Ends the process at once, unfinished work and all. */
  abandon(exit: number): void;
}

/** The real process. */
export function processIo(): Io {
  const { stdin, stdout, stderr, env } = process;
  let closed = false;
  stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code !== 'EPIPE') throw error;
    closed = true;
  });
  return {
    env,
    outIsTerminal: stdout.isTTY,
    errIsTerminal: stderr.isTTY,
    write: async chunk => {
      // A failed write has told the listener above, so that waiting for it need not fail as well.
      if (!closed && !stdout.write(chunk)) await once(stdout, 'drain').catch(() => undefined);
      if (closed) throw outputClosed();
    },
    writeError: chunk => {
      stderr.write(chunk);
    },
    readInput: () => text(stdin),
    onSignal: listener => {
      const signals = ['SIGINT', 'SIGTERM'] as const;
      for (const signal of signals) process.on(signal, listener);
      return () => {
        for (const signal of signals) process.off(signal, listener);
      };
    },
    onReload: listener => {
      process.on('SIGHUP', listener);
      return () => process.off('SIGHUP', listener);
    },
    abandon: exit => process.exit(exit),
  };
}

/** Says something to the person, on standard error. */
export function note(io: Io, message: string): void {
  io.writeError(`outrider: ${message}\n`);
}

/** Writes one object as one line of JSON on standard output. */
export function writeJson(io: Io, value: unknown): Promise<void> {
  return io.write(`${JSON.stringify(value)}\n`);
}
