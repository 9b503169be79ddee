import { type LlamaLogLevel } from './llama/log.js';

/** A load or a plan, which goes by the log of llama.cpp. */
export interface TurnTaker {
  /** Devices that it works on. */
  readonly devices: readonly string[];
  /** Takes a line of the log that was written in its turn. */
  onLogLine(level: LlamaLogLevel, line: string): void;
}

/** The order of loads and plans: one at a time, because the log does not say whose a line is. */
export class LoadTurns {
  #last: Promise<unknown> = Promise.resolve();
  #taker: TurnTaker | undefined;

  /** Whether it is nobody's turn. */
  get idle(): boolean {
    return this.#taker === undefined;
  }

  /** Devices of the one whose turn it is. */
  get devices(): readonly string[] {
    return this.#taker?.devices ?? [];
  }

  /** Ends with everybody who has taken a turn so far; never fails. */
  get over(): Promise<unknown> {
    return this.#last;
  }

  /** Hands a line of the log to the one whose turn it is. */
  onLogLine(level: LlamaLogLevel, line: string): void {
    this.#taker?.onLogLine(level, line);
  }

  /** Runs `check` and then `work` after everybody before; the turn is had while `work` runs. */
  take<Result>(
    taker: TurnTaker,
    check: () => Promise<void>,
    work: () => Promise<Result>,
  ): Promise<Result> {
    const done = this.#last.then(async () => {
      await check();
      this.#taker = taker;
      try {
        return await work();
      } finally {
        this.#taker = undefined;
      }
    });
    this.#last = done.catch(() => undefined);
    return done;
  }
}
