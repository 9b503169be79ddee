import { describe, expect, it } from '@jest/globals';
import { chooseSeat, type SeatView } from '../../../server/src/engine/thread/seat-choice.js';

const empty = seat('empty', 0, 0, 0);

describe('the choice of a sequence for a newcomer', () => {
  it.each([
    ['none while all are in use', [running('a', 4), running('b')], undefined],
    [
      'an empty one before any that holds something of no use',
      [seat('a', 9, 0, 1), empty],
      'empty',
    ],
    ['the one that was not used for longest', [seat('a', 9, 0, 2), seat('b', 9, 0, 1)], 'b'],
    ['one that goes on, before an empty one', [empty, seat('a', 10, 5, 1)], 'a'],
    ['the longest prefix of two', [seat('a', 4, 4, 1), seat('b', 9, 8, 2)], 'b'],
    ['the older one of equal prefixes', [seat('a', 6, 6, 7), seat('b', 6, 6, 3)], 'b'],
    [
      'one that goes on, with more of its prefix from a stream',
      [seat('a', 4, 3, 1), running('b', 6)],
      'a<b',
    ],
    ['its own prefix before an equal one of a stream', [running('b', 4), seat('a', 4, 4, 1)], 'a'],
    ['an empty one for a copy of a short prefix', [seat('a', 10, 4, 1), empty], 'empty<a'],
    [
      'the oldest one for a copy of a short prefix',
      [seat('a', 10, 4, 2), seat('b', 9, 0, 1)],
      'b<a',
    ],
    ['the oldest one, cut to its short prefix', [seat('a', 10, 4, 1), seat('b', 9, 0, 2)], 'a'],
    ['an empty one for a copy of what a stream has', [empty, running('a', 2)], 'empty<a'],
  ] as const)('takes %s', (_, seats, expected) => {
    const choice = chooseSeat(seats);

    const { seat: chosen, source } = choice ?? {};
    const copied = source === chosen ? '' : `<${source?.name ?? ''}`;
    expect(chosen === undefined ? undefined : chosen.name + copied).toBe(expected);
  });
});

interface NamedSeat extends SeatView {
  readonly name: string;
}

function seat(name: string, held: number, common: number, usedAt: number): NamedSeat {
  return { name, free: true, held, common, usedAt };
}

function running(name: string, common = 0): NamedSeat {
  return { name, free: false, held: 0, common, usedAt: 0 };
}
