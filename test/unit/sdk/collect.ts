/** Everything an iterable gives. */
export async function collect<T>(items: AsyncIterable<T>): Promise<T[]> {
  const all: T[] = [];
  for await (const item of items) all.push(item);
  return all;
}

/** What a promise rejects with. @throws if it does not */
export async function rejection(promise: PromiseLike<unknown>): Promise<unknown> {
  try {
    await promise;
  } catch (error) {
    return error;
  }
  throw new Error('the promise was expected to reject');
}

/** Long enough for a rejection that nobody handles to be noticed, which fails the test. */
export function settle(): Promise<void> {
  return new Promise(resolve => setTimeout(resolve, 20));
}
