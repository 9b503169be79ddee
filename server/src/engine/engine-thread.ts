import { type Transferable, Worker } from 'node:worker_threads';
import { type JobOver, type ThreadJob } from './thread/job.js';

interface Turn {
  readonly onMessage: (message: unknown) => void;
  /** Called with whether the thread can take another job. */
  readonly resolve: (reusable: boolean) => void;
  readonly reject: (error: unknown) => void;
}

/** A thread that does one job at a time. While it has none it does not keep its process alive. */
export class EngineThread {
  readonly #worker: Worker;
  #turn: Turn | undefined;

  /**
   * @param entry what the thread runs: it takes `ThreadJob`s and says `JobOver` when it can take the next
   * @param onGone called when the thread has ended, whyever
   */
  constructor(entry: URL, onGone: (thread: EngineThread) => void) {
    this.#worker = new Worker(entry, { name: 'engine thread' });
    this.#worker.on('message', (message: unknown) => {
      if (isOver(message)) this.#end()?.resolve(true);
      else this.#turn?.onMessage(message);
    });
    // One that fails between jobs fails nobody: its exit follows, and it is not used again.
    this.#worker.on('error', error => this.#end()?.reject(error));
    this.#worker.on('exit', () => {
      onGone(this);
      this.#end()?.resolve(false);
    });
  }

  /**
   * Does a job; resolves with whether the thread can take another one.
   * @throws whatever the thread did not catch
   */
  run(
    job: ThreadJob,
    transfer: readonly Transferable[],
    onMessage: (message: unknown) => void,
  ): Promise<boolean> {
    return new Promise((resolve, reject) => {
      this.#turn = { onMessage, resolve, reject };
      this.#worker.ref();
      this.#worker.postMessage(job, transfer);
    });
  }

  /** Ends a thread that has no job. */
  end(): void {
    void this.#worker.terminate();
  }

  #end(): Turn | undefined {
    const turn = this.#turn;
    this.#turn = undefined;
    this.#worker.unref();
    return turn;
  }
}

function isOver(message: unknown): boolean {
  return (message as Partial<JobOver>).type === 'over';
}
