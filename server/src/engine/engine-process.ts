import { type ChildProcess, fork } from 'node:child_process';
import { type Readable } from 'node:stream';
import { CodedError } from '../coded-error.js';
import { type EngineStart, startEnvironment } from './engine-start.js';
import { eventLineFd, readEventLine } from './event-line.js';
import { type FromEngine, type LibraryInfo, type ToEngine } from './protocol.js';

/** One engine process, from its start to its end. */
export interface EngineProcess {
  readonly pid: number;
  readonly library: LibraryInfo;
  send(message: ToEngine): void;
  /**
   * Ends it at once.
   * @param why added to how it ended, for who asks later
   */
  kill(why?: string): void;
  /** Resolves with how it ended: a signal name or `exit N`, and in brackets why it was killed. */
  readonly ended: Promise<string>;
}

/** Who hears from the process, beside whether it could start. */
export type OnMessage = (message: FromEngine) => void;

// Drivers may compile their kernels at the first start on a machine.
const longestStartMs = 180_000;

/**
 * Starts an engine process and waits until it has opened llama.cpp.
 * @throws CodedError ENGINE_ERROR when it refuses or dies first; INVALID_FIELD, BACKEND_UNAVAILABLE when it cannot open
 *   what it is to be started with
 */
export async function startEngineProcess(
  start: EngineStart,
  onMessage: OnMessage,
): Promise<EngineProcess> {
  const child = fork(new URL('./process.js', import.meta.url), {
    serialization: 'advanced',
    // Flags and options of whatever runs the server must not reach the engine. Its threads collect between two models.
    execArgv: ['--expose-gc'],
    env: {
      ...process.env,
      NODE_OPTIONS: '',
      ...openMpEnvironment(process.env),
      ...mallocEnvironment(process.env),
      ...startEnvironment(start),
    },
    // What native code prints goes to stderr: stdout belongs to the command.
    stdio: ['ignore', 2, 2, 'ipc', 'pipe'],
  });
  let reason = '';
  const ended = new Promise<string>(resolve => {
    // Not at its exit: what it had said by then is still to be read.
    child.once('close', (code, signal) => resolve(`${signal ?? `exit ${String(code)}`}${reason}`));
  });
  // Where no process could be made there is no line either; `error` says so.
  child.once('spawn', () => {
    readEventLine(child.stdio[eventLineFd] as Readable, (stream, event) => {
      onMessage({ type: 'stream', stream, event });
    });
  });
  const kill = (why?: string): void => {
    if (why !== undefined) reason = ` (${why})`;
    child.kill('SIGKILL');
  };
  const late = setTimeout(kill, longestStartMs);
  let library: LibraryInfo;
  try {
    library = await untilReady(child, ended, onMessage);
  } catch (error) {
    kill();
    throw error;
  } finally {
    clearTimeout(late);
  }
  return {
    pid: child.pid ?? 0,
    library,
    ended,
    kill,
    // A message to a process that has just died is lost with it; `ended` tells.
    send: message => {
      if (child.connected) child.send(message, () => undefined);
    },
  };
}

/** Hands every message on but the one that says whether the engine could start. */
async function untilReady(
  child: ChildProcess,
  ended: Promise<string>,
  onMessage: OnMessage,
): Promise<LibraryInfo> {
  const ready = new Promise<LibraryInfo>((resolve, reject) => {
    child.once('error', error => {
      reject(
        new CodedError('ENGINE_ERROR', 'the engine process could not be started', { cause: error }),
      );
    });
    child.on('message', message => {
      const said = message as FromEngine;
      if (said.type === 'ready') resolve(said.library);
      else if (said.type === 'refused') reject(CodedError.fromData(said.error));
      else onMessage(said);
    });
  });
  const died = ended.then(how => {
    throw new CodedError('ENGINE_ERROR', `the engine process ended while starting: ${how}`);
  });
  return Promise.race([ready, died]);
}

/**
 * Libraries with OpenMP have a team of threads per model. Once these are more than the cores, libgomp hardly spins before it
 * sleeps, at every barrier of a pass, and decoding slows down by a third; the active policy spins ten times as long there.
 * With the usual count it is bounded elsewhere, so that an idle team sleeps.
 */
function openMpEnvironment(given: NodeJS.ProcessEnv): Record<string, string> {
  return {
    OMP_WAIT_POLICY: given['OMP_WAIT_POLICY'] ?? 'active',
    GOMP_SPINCOUNT: given['GOMP_SPINCOUNT'] ?? '300000',
  };
}

/**
 * glibc raises by itself what it keeps of freed memory, up to 64 MiB for each of its arenas, once large blocks were freed:
 * an engine would hold on to the caches and scratch buffers of models that are gone. A value that was set stays; this is
 * the one it begins with.
 */
function mallocEnvironment(given: NodeJS.ProcessEnv): Record<string, string> {
  return { MALLOC_TRIM_THRESHOLD_: given['MALLOC_TRIM_THRESHOLD_'] ?? '131072' };
}
