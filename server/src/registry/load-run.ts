import { CodedError } from '../coded-error.js';
import { ProgressTrack, type StageProgress } from './load-progress.js';

/** One load under way. Several callers may follow it; when the last one leaves it is given up, unless it is detached. */
export class LoadRun {
  readonly #giveUp = new AbortController();
  readonly #followers = new Set<Follower>();
  readonly #track: ProgressTrack;
  readonly beganMs: number;
  #detached: boolean;
  #outcome: 'running' | 'done' | CodedError = 'running';

  constructor(detached: boolean, nowMs: () => number) {
    this.#detached = detached;
    this.beganMs = nowMs();
    this.#track = new ProgressTrack(progress => {
      for (const follower of this.#followers) follower.push(progress);
    }, nowMs);
  }

  /** Aborted when nobody wants the model any more. */
  get signal(): AbortSignal {
    return this.#giveUp.signal;
  }

  /** Fraction of the present stage; 0 before the first. */
  get progress(): StageProgress | undefined {
    return this.#track.history.at(-1);
  }

  /** Goes on without followers from now on. */
  detach(): void {
    this.#detached = true;
  }

  report(progress: StageProgress): void {
    this.#track.report(progress);
  }

  /** The model is there: followers see the last stage end. */
  succeed(): void {
    if (this.#outcome !== 'running') return;
    this.#track.complete();
    this.#settle('done');
  }

  /** The load has failed: followers get the error. */
  fail(error: CodedError): void {
    if (this.#outcome === 'running') this.#settle(error);
  }

  /** Ends the load for everybody, with `error` as what followers get. */
  abort(error: CodedError): void {
    this.#giveUp.abort(error);
    this.fail(error);
  }

  /**
   * Progress until the model is there; what was missed comes first.
   * @throws CodedError why the load failed; else the signal's reason
   */
  follow(signal: AbortSignal): AsyncGenerator<StageProgress, void, undefined> {
    const follower = new Follower(this.#track.history);
    this.#followers.add(follower);
    const leave = () => {
      signal.removeEventListener('abort', leave);
      if (!this.#followers.delete(follower)) return;
      follower.wake();
      if (this.#followers.size > 0 || this.#detached || this.#outcome !== 'running') return;
      this.abort(new CodedError('CANCELLED', 'the caller left while the model was loading'));
    };
    // Not left to the generator: a caller that stopped reading never runs its finally.
    signal.addEventListener('abort', leave, { once: true });
    if (signal.aborted) leave();
    return this.#follow(follower, signal, leave);
  }

  async *#follow(follower: Follower, signal: AbortSignal, leave: () => void) {
    try {
      for (;;) {
        const next = follower.shift();
        if (next !== undefined) {
          yield next;
          continue;
        }
        if (this.#outcome === 'done') return;
        signal.throwIfAborted();
        if (this.#outcome !== 'running') throw this.#outcome;
        await follower.woken();
      }
    } finally {
      leave();
    }
  }

  #settle(outcome: 'done' | CodedError): void {
    this.#outcome = outcome;
    for (const follower of this.#followers) follower.wake();
  }
}

class Follower {
  readonly #queue: StageProgress[];
  #wake: (() => void) | undefined;

  constructor(history: readonly StageProgress[]) {
    this.#queue = [...history];
  }

  push(progress: StageProgress): void {
    this.#queue.push(progress);
    this.wake();
  }

  shift(): StageProgress | undefined {
    return this.#queue.shift();
  }

  wake(): void {
    this.#wake?.();
  }

  woken(): Promise<void> {
    return new Promise(resolve => {
      this.#wake = resolve;
    });
  }
}
