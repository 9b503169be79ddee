import { describe, expect, it } from '@jest/globals';
import { BackOff } from '../../../server/src/engine/back-off.js';
import { EventQueue } from '../../../server/src/engine/event-queue.js';

describe('the delay before a restart', () => {
  it('grows with every death and starts over after a calm minute', () => {
    let now = 0;
    const backOff = new BackOff(60_000, () => now);

    const delays = Array.from({ length: 8 }, () => backOff.failed());
    expect(delays).toEqual([200, 500, 1000, 2000, 5000, 10_000, 30_000, 30_000]);
    now = 60_000;
    expect(backOff.failed()).toBe(30_000);
    now = 120_001;
    expect(backOff.failed()).toBe(200);
  });
});

describe('the queue of a stream', () => {
  it('hands events over in order, before and after they come', async () => {
    const queue = new EventQueue<number>(8);
    queue.push(1);
    queue.push(2);

    expect(await queue.next()).toBe(1);
    expect(await queue.next()).toBe(2);
    const late = queue.next();
    queue.push(3);
    expect(await late).toBe(3);
  });

  it('refuses what a stalled reader has no room for, and always takes the last event', async () => {
    const queue = new EventQueue<number>(2);
    expect([queue.push(1), queue.push(2), queue.push(3)]).toEqual([true, true, false]);

    queue.pushLast(4);
    expect(await queue.next()).toBe(4);
  });
});
