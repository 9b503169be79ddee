/**
 * Milliseconds until the next applicant gets a sequence, if every stream goes on at the same rate.
 * @param running tokens that each held sequence still owes
 * @param queued tokens that each waiting one will owe, in order
 * @param tokensPerSecond rate of one stream, > 0
 */
export function expectedWaitMs(
  running: readonly number[],
  queued: readonly number[],
  tokensPerSecond: number,
): number {
  const freeAt = [...running];
  for (const owed of queued) {
    const next = earliest(freeAt);
    freeAt[next] = (freeAt[next] ?? 0) + owed;
  }
  const tokens = freeAt[earliest(freeAt)] ?? 0;
  return (tokens * 1000) / tokensPerSecond;
}

function earliest(freeAt: readonly number[]): number {
  return freeAt.indexOf(Math.min(...freeAt));
}
