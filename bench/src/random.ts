/** Numbers from -1 to 1, evenly spread, the same for the same seed everywhere. */
export type Random = () => number;

/** A generator for weights that only need to be there: fast, repeatable, not for statistics. */
export function seededRandom(seed: number): Random {
  // xorshift stays at zero once there.
  let state = seed | 0 || 0x9e3779b9;
  return () => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return state / 0x80000000;
  };
}
