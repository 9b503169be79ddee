import { CodedError } from '../coded-error.js';
import { guardAbi } from './llama/abi.js';
import { bindFunctions } from './llama/functions.js';
import { loadBackends } from './llama/backends.js';
import { resolveLibrary } from './llama/library.js';
import { sinkLog } from './llama/log.js';
import { type FromEngine, type ToEngine } from './protocol.js';
import { Switchboard } from './switchboard.js';

/** Entry of the engine process: the only place that opens libllama. Started by `EngineClient` with an IPC channel. */
async function main(): Promise<void> {
  try {
    const { files, backendsLoaded } = await resolveLibrary(process.env['OUTRIDER_ENGINE_DIR']);
    const llama = bindFunctions(files);
    guardAbi(files, llama);
    const switchboard = new Switchboard(llama, files, send, die);
    sinkLog(llama, (level, line) => switchboard.onLogLine(level, line));
    if (!backendsLoaded) await loadBackends(llama, files);
    llama.llama_backend_init();
    process.on('message', (message: ToEngine) => switchboard.onMessage(message));
    send({
      type: 'ready',
      library: {
        directory: files.directory,
        version: llama.llama_version(),
        commit: llama.ggml_commit(),
      },
    });
  } catch (error) {
    const coded =
      error instanceof CodedError
        ? error
        : new CodedError('ENGINE_ERROR', `the engine could not start: ${String(error)}`);
    send({ type: 'refused', error: coded.toData() });
    process.exitCode = 1;
    process.disconnect();
  }
}

function send(message: FromEngine): void {
  // A server that is gone is noticed by the disconnect, not here.
  process.send?.(message, () => undefined);
}

/**
 * Ends the process at once. A normal exit joins the model threads first, and one of them may be waiting for this thread to
 * take a line of its log.
 */
function die(): void {
  process.kill(process.pid, 'SIGKILL');
}

// Without its server the engine has nobody to serve, and nothing to keep.
process.on('disconnect', die);
process.on('uncaughtException', error => {
  send({ type: 'log', level: 'error', message: error.stack ?? String(error) });
  setImmediate(die);
});

// A terminal sends its signals to the whole process group; the server decides when the engine ends.
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => undefined);

await main();
