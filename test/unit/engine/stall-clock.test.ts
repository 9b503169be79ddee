import { describe, expect, it } from '@jest/globals';
import { StallClock } from '../../../server/src/engine/stall-clock.js';

function pulse(round: number, rows = 1, model = 'models/big') {
  return { busy: [{ model, round, rows }] };
}

describe('the clock of a stall', () => {
  it('runs while a thread is in the same round, and starts over with the next one', () => {
    const clock = new StallClock();

    expect(clock.advance(100, pulse(1))).toEqual([]);
    expect(clock.advance(100, pulse(1))).toMatchObject([{ model: 'models/big', forMs: 100 }]);
    expect(clock.advance(100, pulse(1))).toMatchObject([{ model: 'models/big', forMs: 200 }]);
    expect(clock.advance(100, pulse(3))).toEqual([]);
    expect(clock.advance(100, pulse(3))).toMatchObject([{ forMs: 100 }]);
  });

  it('forgets a thread that fell asleep', () => {
    const clock = new StallClock();
    clock.advance(100, pulse(1));
    clock.advance(100, { busy: [] });

    expect(clock.advance(100, pulse(1))).toEqual([]);
  });

  it('keeps the threads apart', () => {
    const clock = new StallClock();
    const both = (big: number, small: number) => ({
      busy: [...pulse(big).busy, ...pulse(small, 1, 'models/small').busy],
    });
    clock.advance(100, both(1, 1));

    expect(clock.advance(100, both(3, 1))).toMatchObject([{ model: 'models/small', forMs: 100 }]);
  });

  it('runs for the process while it does not answer, and then counts that time for threads which have not moved', () => {
    const clock = new StallClock();
    clock.advance(100, pulse(1));

    expect(clock.advance(100, undefined)).toEqual([{ model: undefined, forMs: 100, allowance: 1 }]);
    expect(clock.advance(100, undefined)).toMatchObject([{ model: undefined, forMs: 200 }]);
    expect(clock.advance(100, pulse(1))).toMatchObject([{ model: 'models/big', forMs: 300 }]);
  });

  it.each([
    [0, 1],
    [1, 1],
    [64, 1],
    [65, 2],
    [512, 8],
  ])('allows a pass of %i rows the time of %i bounds', (rows, allowance) => {
    const clock = new StallClock();
    clock.advance(100, pulse(1, rows));

    expect(clock.advance(100, pulse(1, rows))).toMatchObject([{ allowance }]);
  });
});
