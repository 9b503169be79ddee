/** A promise that is settled from outside. */
export interface Deferred<T> {
  /** Never raises an unhandled rejection: whoever looks at it learns of a failure, others need not. */
  readonly promise: Promise<T>;
  /** Fulfils the promise; the first settling counts. */
  readonly resolve: (value: T) => void;
  /** Rejects the promise; the first settling counts. */
  readonly reject: (reason: unknown) => void;
}

/** A promise and the functions that settle it. */
export function deferred<T>(): Deferred<T> {
  let settle: Pick<Deferred<T>, 'resolve' | 'reject'> | undefined;
  const promise = new Promise<T>((resolve, reject) => {
    settle = { resolve, reject };
  });
  promise.catch(() => undefined);
  if (settle === undefined) throw new Error('unreachable: promises run their function at once');
  return { promise, ...settle };
}
