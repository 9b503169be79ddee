import { type CallContext } from 'nice-grpc-common';
import { CodedError } from '../coded-error.js';
import { REMAINING_MS } from './interceptors/deadline.js';

/** What a call is busy with; told when its deadline passes. */
export type Stage = 'QUEUE' | 'PROMPT' | 'DECODE' | 'LOAD';

/** The deadline of one call, armed here because the one of the transport neither names a stage nor ends a stalled call. */
export class CallDeadline implements Disposable {
  /** Aborted when the caller has left, with the caller's reason, or by the deadline, with DEADLINE_EXCEEDED. */
  readonly signal: AbortSignal;
  /** Present stage. */
  stage: Stage;
  readonly #own = new AbortController();
  readonly #endsAtMs: number | undefined;
  readonly #timer: NodeJS.Timeout | undefined;

  constructor(context: CallContext, stage: Stage) {
    this.stage = stage;
    this.signal = AbortSignal.any([context.signal, this.#own.signal]);
    const text = context.metadata.get(REMAINING_MS);
    if (text === undefined) return;
    const given = Number(text);
    const remaining = Math.max(0, given - headStartMs(given));
    this.#endsAtMs = performance.now() + remaining;
    this.#timer = setTimeout(() => this.#pass(), Math.min(remaining, 2 ** 31 - 1));
  }

  /** Milliseconds left; undefined without a deadline. */
  get remainingMs(): number | undefined {
    return this.#endsAtMs === undefined ? undefined : this.#endsAtMs - performance.now();
  }

  [Symbol.dispose](): void {
    clearTimeout(this.#timer);
  }

  #pass(): void {
    const text = `the deadline has passed in stage ${this.stage}; allow more time or ask for less`;
    this.#own.abort(new CodedError('DEADLINE_EXCEEDED', text, { metadata: { stage: this.stage } }));
  }
}

/** Why a signal was aborted, as a failure: its own if it has one, else that the caller left. */
export function abortFailure(signal: AbortSignal): CodedError {
  const reason: unknown = signal.reason;
  return reason instanceof CodedError ? reason : new CodedError('CANCELLED', 'the caller left');
}

/** @throws CodedError why the signal was aborted, if it was */
export function throwIfAborted(signal: AbortSignal): void {
  if (signal.aborted) throw abortFailure(signal);
}

/** The transport's own status has no details: ours must be first, on a busy machine too. */
function headStartMs(givenMs: number): number {
  return Math.min(50, Math.max(10, givenMs / 20));
}
