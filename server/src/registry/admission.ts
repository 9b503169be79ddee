import { CodedError } from '../coded-error.js';
import { FairQueue } from './fair-queue.js';
import { expectedWaitMs } from './wait-estimate.js';

/** A generation that wants a sequence of its model. */
export interface Applicant {
  /** Who asks; callers take turns. */
  readonly caller: string;
  /** Takes it out of the queue. */
  readonly signal: AbortSignal;
  /** Most tokens that it may produce. */
  readonly maxTokens: number;
  /** Until its deadline, in milliseconds; unset without one. */
  readonly remainingMs: number | undefined;
}

/** A sequence that is held. */
export interface Held {
  readonly maxTokens: number;
  /** Tokens produced so far; kept up to date by the holder. */
  produced: number;
}

interface Waiter {
  readonly applicant: Applicant;
  readonly admit: (held: Held) => void;
  readonly refuse: (error: unknown) => void;
}

/** The sequences of one model, held by generations and drafts. Who waits for one does so in a bounded queue, in turns of callers. */
export class Admission {
  readonly #held = new Set<Held>();
  readonly #queue = new FairQueue<Waiter>();
  #meanTokens: number | undefined;
  #tokensPerSecond: number | undefined;

  readonly #model: string;
  readonly #capacity: () => number;
  readonly #maxQueue: number;

  /** @param maxQueue how many may wait */
  constructor(model: string, capacity: () => number, maxQueue: number) {
    this.#model = model;
    this.#capacity = capacity;
    this.#maxQueue = maxQueue;
  }

  /** Sequences that are taken, by generations and drafts. */
  get held(): number {
    return this.#held.size;
  }

  /** Generations that wait. */
  get waiting(): number {
    return this.#queue.size;
  }

  /**
   * Waits for a free sequence.
   * @throws CodedError QUEUE_FULL, also later when another caller needs the place; DEADLINE_EXCEEDED when the expected wait is longer than what remains; else the signal's reason
   */
  async enter(applicant: Applicant): Promise<Held> {
    applicant.signal.throwIfAborted();
    const at = this.#queue.size === 0 ? this.tryEnter(applicant.maxTokens) : undefined;
    if (at !== undefined) return at;
    const full = this.#queue.size >= this.#maxQueue;
    const displaced = full ? this.#queue.displaced(applicant.caller) : undefined;
    if (full && displaced === undefined) throw this.#full(applicant.caller);
    this.#refuseHopeless(applicant);
    if (displaced !== undefined) {
      const refusal = this.#full(displaced.caller);
      this.#queue.remove(displaced.caller, displaced.item);
      displaced.item.refuse(refusal);
    }
    return this.#wait(applicant);
  }

  #wait(applicant: Applicant): Promise<Held> {
    return new Promise((resolve, reject) => {
      const leave = () => {
        this.#queue.remove(applicant.caller, waiter);
        reject(asError(applicant.signal.reason));
      };
      const settled = () => applicant.signal.removeEventListener('abort', leave);
      const waiter: Waiter = {
        applicant,
        admit: held => {
          settled();
          resolve(held);
        },
        refuse: error => {
          settled();
          reject(asError(error));
        },
      };
      applicant.signal.addEventListener('abort', leave, { once: true });
      this.#queue.push(applicant.caller, waiter);
    });
  }

  /** Takes a free sequence now, ahead of nobody; undefined when there is none. */
  tryEnter(maxTokens: number): Held | undefined {
    return this.#held.size < this.#capacity() ? this.#hold(maxTokens) : undefined;
  }

  /** Gives a sequence back. A second time does nothing. */
  leave(held: Held): void {
    if (!this.#held.delete(held)) return;
    this.#admitWaiting();
  }

  /** Remembers how a finished generation went, for the expected wait of others. */
  observe(tokens: number, milliseconds: number): void {
    if (tokens === 0 || milliseconds <= 0) return;
    const rate = (tokens * 1000) / milliseconds;
    this.#meanTokens = smooth(this.#meanTokens, tokens);
    this.#tokensPerSecond = smooth(this.#tokensPerSecond, rate);
  }

  /** Ends every wait with an error. */
  refuseAll(error: CodedError): number {
    const queue = this.#queue.clear();
    for (const waiter of queue) waiter.refuse(error);
    return queue.length;
  }

  #admitWaiting(): void {
    while (this.#held.size < this.#capacity()) {
      const next = this.#queue.shift();
      if (next === undefined) return;
      next.admit(this.#hold(next.applicant.maxTokens));
    }
  }

  #hold(maxTokens: number): Held {
    const held = { maxTokens, produced: 0 };
    this.#held.add(held);
    return held;
  }

  #full(caller: string): CodedError {
    const wait = this.#expectedWait(caller) ?? DEFAULT_RETRY_MS;
    const text = `${this.#model} has ${this.#queue.size} generations waiting, which is its limit; try again later`;
    return new CodedError('QUEUE_FULL', text, {
      metadata: { model: this.#model, queue: String(this.#queue.size) },
      retryAfterMs: Math.ceil(Math.min(MAX_RETRY_MS, Math.max(MIN_RETRY_MS, wait))),
    });
  }

  #refuseHopeless({ caller, remainingMs }: Applicant): void {
    const wait = this.#expectedWait(caller);
    if (remainingMs === undefined || wait === undefined || wait <= remainingMs) return;
    const text = `the wait for ${this.#model} is about ${Math.ceil(wait)} ms, the deadline is in ${Math.floor(remainingMs)} ms`;
    throw new CodedError('DEADLINE_EXCEEDED', text, { metadata: { stage: 'QUEUE' } });
  }

  /** For one more of this caller; who comes later may still have a turn before it. */
  #expectedWait(caller: string): number | undefined {
    const [mean, rate] = [this.#meanTokens, this.#tokensPerSecond];
    if (mean === undefined || rate === undefined) return undefined;
    // Most generations end before their limit, so the mean bounds what is counted.
    const owed = (maxTokens: number, produced: number) =>
      Math.max(0, Math.min(maxTokens, mean) - produced);
    return expectedWaitMs(
      [...this.#held].map(held => owed(held.maxTokens, held.produced)),
      this.#queue.ahead(caller).map(({ applicant }) => owed(applicant.maxTokens, 0)),
      rate,
    );
  }
}

const DEFAULT_RETRY_MS = 1_000;
const MIN_RETRY_MS = 100;
const MAX_RETRY_MS = 30_000;

function smooth(before: number | undefined, now: number): number {
  return before === undefined ? now : before + 0.2 * (now - before);
}

function asError(reason: unknown): Error {
  return reason instanceof Error ? reason : new CodedError('CANCELLED', 'the caller left');
}
