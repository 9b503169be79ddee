import { type Transferable } from 'node:worker_threads';
import { EngineThread } from './engine-thread.js';
import { type ThreadJob } from './thread/job.js';

// What a model and a plan beside it need, twice; one that waits costs some MiB.
const mostIdle = 4;

/**
 * The threads in which an engine process loads models and runs dry. One that is done with its job waits for the next: of
 * every thread that calls through koffi the stack is kept for good, and a thread per load would let the process grow
 * with each.
 */
export class EngineThreads {
  readonly #entry: URL;
  readonly #idle: EngineThread[] = [];

  /** @param entry what the threads run. @default what loads and serves real models */
  constructor(entry: URL = new URL('./thread/entry.js', import.meta.url)) {
    this.#entry = entry;
  }

  /**
   * Runs a job in a thread that does nothing else meanwhile; settles when the thread is done with it or gone.
   * @param transfer ports within the job
   * @param onMessage hears what the job says, all of it before this settles
   * @throws whatever the thread did not catch
   */
  async run(
    job: ThreadJob,
    transfer: readonly Transferable[],
    onMessage: (message: unknown) => void,
  ): Promise<void> {
    const thread = this.#idle.pop() ?? new EngineThread(this.#entry, this.#forget);
    const reusable = await thread.run(job, transfer, onMessage);
    if (!reusable) return;
    if (this.#idle.length < mostIdle) this.#idle.push(thread);
    else thread.end();
  }

  readonly #forget = (gone: EngineThread): void => {
    const at = this.#idle.indexOf(gone);
    if (at !== -1) this.#idle.splice(at, 1);
  };
}
