/** Wakes one waiter at a change, also at one that came while nobody waited. */
export class ChangeBell {
  #rung = false;
  #wake: (() => void) | undefined;

  ring(): void {
    this.#rung = true;
    this.#wake?.();
  }

  /** Resolves at a change, when the signal aborts, or after `timeoutMs` milliseconds. */
  async heard(timeoutMs: number, signal: AbortSignal): Promise<void> {
    if (!this.#rung && !signal.aborted) await this.#wait(timeoutMs, signal);
    this.#rung = false;
  }

  #wait(timeoutMs: number, signal: AbortSignal): Promise<void> {
    return new Promise(resolve => {
      const finish = () => {
        clearTimeout(timer);
        signal.removeEventListener('abort', finish);
        this.#wake = undefined;
        resolve();
      };
      const timer = setTimeout(finish, timeoutMs);
      signal.addEventListener('abort', finish, { once: true });
      this.#wake = finish;
    });
  }
}
