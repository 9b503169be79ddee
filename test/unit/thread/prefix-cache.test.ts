import { describe, expect, it } from '@jest/globals';
import { type Lane, PrefixCache } from '../../../server/src/engine/thread/prefix-cache.js';

describe('what sequences keep for newcomers', () => {
  it('is the prefix that a newcomer begins with, but for its last token', () => {
    const { cache, run } = setUp(1);
    cache.unseat(run([1, 2, 3, 4]));

    expect(run([1, 2, 3, 4]).reused).toBe(3);
  });

  it('is not looked at for a lane that shares nothing, and nothing is kept of it', () => {
    const { cache, run, memory } = setUp(2);
    cache.unseat(run([1, 2, 3]));
    const alone = run([1, 2, 3, 4], false);
    expect(alone.reused).toBe(0);
    cache.unseat(alone);

    expect(cache.held).toBe(3);
    expect(memory.lengths).toEqual([3, 0]);
  });

  it('is no prefix of a lane that runs and shares nothing', () => {
    const { run } = setUp(2);
    run([1, 2, 3], false);

    expect(run([1, 2, 3, 4]).reused).toBe(0);
  });

  it('is nothing of a lane that has failed', () => {
    const { cache, run, memory } = setUp(1);
    const lane = run([1, 2, 3]);
    lane.shares = false;
    // It may have been in the middle of a pass.
    memory.lengths[0] = 5;
    cache.unseat(lane);

    expect(cache.held).toBe(0);
    expect(memory.lengths).toEqual([0]);
  });

  it('is only what was committed', () => {
    const { cache, run, memory } = setUp(1);
    const lane = run([1, 2, 3, 4, 5]);
    lane.settled = 3;
    cache.unseat(lane);

    expect(memory.lengths).toEqual([3]);
    expect(run([1, 2, 3, 4, 5]).reused).toBe(3);
  });

  it('is of no use where a sliding window has moved on', () => {
    const { cache, run, memory } = setUp(1);
    cache.unseat(run([1, 2, 3, 4]));
    memory.first = 2;

    expect(run([1, 2, 3, 4]).reused).toBe(0);
  });

  it('is given up where the memory refuses to be cut', () => {
    const { cache, run, memory } = setUp(1);
    cache.unseat(run([1, 2, 3, 4]));
    memory.cuts = false;

    expect(run([1, 2, 3, 5]).reused).toBe(0);
  });

  it('gives way, oldest first, as far as rows need it', () => {
    const { cache, run, memory } = setUp(4, 12);
    const lanes = [[1, 1, 1], [2, 2, 2], [3, 3, 3], [4]].map(ids => run(ids));
    for (const lane of [1, 0, 2]) cache.unseat(lanes[lane] ?? run([]));

    cache.makeRoom(2);
    expect(memory.lengths).toEqual([3, 3, 3, 1]);
    cache.makeRoom(4);
    expect(memory.lengths).toEqual([3, 0, 3, 1]);
    // More than there will ever be: what runs stays.
    cache.makeRoom(100);
    expect(memory.lengths).toEqual([0, 0, 0, 1]);
    expect(cache.evict()).toBe(false);
  });

  it('stays longer where it was of use', () => {
    const { cache, run, memory } = setUp(3);
    const [often, once] = [run([1, 1, 1, 1, 1, 1]), run([2, 2])];
    cache.unseat(often);
    cache.unseat(once);
    // Copied to the empty one.
    expect(run([1, 1, 9]).reused).toBe(2);

    cache.evict();
    expect(memory.lengths).toEqual([6, 0, 3]);
  });
});

/** A lane that evaluates all of its ids at once. */
class FakeLane implements Lane {
  sequence: number | undefined;
  kv = 0;
  settled = 0;
  reused = -1;
  shares: boolean;
  readonly #ids: readonly number[];

  constructor(ids: readonly number[], shares: boolean) {
    this.#ids = ids;
    this.shares = shares;
  }

  get length(): number {
    return this.#ids.length;
  }

  idAt(position: number): number {
    return this.#ids[position] ?? -1;
  }

  begin(reused: number): void {
    this.reused = reused;
  }
}

function setUp(sequences: number, cells = 100) {
  const memory = {
    cells,
    lengths: Array.from({ length: sequences }, () => 0),
    first: 0,
    cuts: true,
    trim: (sequence: number, from: number): boolean => {
      if (from > 0 && !memory.cuts) return false;
      memory.lengths[sequence] = Math.min(memory.lengths[sequence] ?? 0, from);
      return true;
    },
    copy: (_source: number, target: number, length: number): void => {
      memory.lengths[target] = length;
    },
    firstPosition: (): number => memory.first,
  };
  const cache = new PrefixCache(memory, sequences);
  const run = (ids: readonly number[], shares = true): FakeLane => {
    const lane = new FakeLane(ids, shares);
    if (!cache.seat(lane)) throw new Error('no sequence is free');
    if (memory.lengths[lane.sequence ?? -1] !== lane.reused)
      throw new Error('the sequence does not hold what the lane begins with');
    lane.kv = ids.length;
    lane.settled = ids.length;
    memory.lengths[lane.sequence ?? -1] = ids.length;
    return lane;
  };
  return { cache, run, memory };
}
