/** A signal that follows others until it is released. */
export interface LinkedSignal {
  /** Aborts with the first of the others, for the same reason. */
  readonly signal: AbortSignal;
  /** Stops following; a signal that outlives many calls would otherwise collect listeners. */
  readonly release: () => void;
}

/** Follows every signal that is there. */
export function linkSignals(...signals: readonly (AbortSignal | undefined)[]): LinkedSignal {
  const own = new AbortController();
  const releases = signals
    .filter(signal => signal !== undefined)
    .map(signal => {
      const onAbort = (): void => own.abort(signal.reason);
      if (signal.aborted) onAbort();
      signal.addEventListener('abort', onAbort, { once: true });
      return () => signal.removeEventListener('abort', onAbort);
    });
  const release = (): void => {
    for (const stop of releases) stop();
  };
  return { signal: own.signal, release };
}
