import { CodedError } from '../coded-error.js';
import { readStart } from './engine-start.js';
import { guardAbi } from './llama/abi.js';
import { bindFunctions } from './llama/functions.js';
import { loadBackends } from './llama/backends.js';
import { resolveLibrary } from './llama/library.js';
import { sinkLog } from './llama/log.js';
import { addWorker, hasRpc } from './llama/rpc.js';
import { variantOf } from './llama/variant.js';
import { type FromEngine, type ToEngine } from './protocol.js';
import { Remotes } from './remotes.js';
import { Switchboard } from './switchboard.js';
import { workerFault } from './worker-greeting.js';

/** Entry of the engine process: the only place that opens libllama. Started by `EngineClient` with an IPC channel. */
async function main(): Promise<void> {
  try {
    const { directory, variant, workers } = readStart(process.env);
    const { files, backendsLoaded } = await resolveLibrary({ directory, variant });
    const llama = bindFunctions(files);
    guardAbi(files, llama);
    let onLogLine: Switchboard['onLogLine'] = () => undefined;
    sinkLog(llama, (level, line) => onLogLine(level, line));
    if (!backendsLoaded) await loadBackends(llama, files);
    llama.llama_backend_init();
    const remotes = new Remotes(workers, {
      supported: hasRpc(llama),
      greet: endpoint => workerFault(endpoint),
      add: endpoint => addWorker(llama, endpoint),
    });
    const switchboard = new Switchboard(llama, files, remotes, send, die);
    onLogLine = (level, line) => switchboard.onLogLine(level, line);
    await switchboard.joinWorkers();
    process.on('message', (message: ToEngine) => switchboard.onMessage(message));
    const opened = variantOf(files);
    send({
      type: 'ready',
      library: {
        directory: files.directory,
        version: llama.llama_version(),
        commit: llama.ggml_commit(),
        ...(opened === undefined ? {} : { variant: opened }),
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
