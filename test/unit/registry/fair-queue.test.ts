import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { FairQueue } from '../../../server/src/registry/fair-queue.js';

interface Waiting {
  readonly caller: string;
  readonly number: number;
}

/** What happens to a queue: somebody comes, or the next one has its turn. */
const happenings = fc.array(
  fc.oneof(
    { weight: 3, arbitrary: fc.constantFrom('alice', 'bob', 'carol', 'dave') },
    { weight: 2, arbitrary: fc.constant(undefined) },
  ),
  { maxLength: 80 },
);

describe('a queue in which callers take turns', () => {
  it('serves each caller in the order of its coming, and somebody whenever anybody waits', () => {
    fc.assert(
      fc.property(happenings, events => {
        const queue = new FairQueue<Waiting>();
        const lastServed = new Map<string, number>();
        let waiting = 0;
        events.forEach((caller, number) => {
          if (caller !== undefined) {
            queue.push(caller, { caller, number });
            waiting += 1;
            return;
          }
          const served = queue.shift();
          expect(served === undefined).toBe(waiting === 0);
          if (served === undefined) return;
          waiting -= 1;
          expect(served.number).toBeGreaterThan(lastServed.get(served.caller) ?? -1);
          lastServed.set(served.caller, served.number);
        });
        expect(queue.size).toBe(waiting);
      }),
    );
  });

  it('lets nobody be overtaken by another caller more often than by its own, and once', () => {
    fc.assert(
      fc.property(happenings, events => {
        const queue = new FairQueue<Waiting>();
        const seen = new Map<Waiting, { readonly own: number; readonly by: Map<string, number> }>();
        const own = (caller: string) => [...seen.keys()].filter(w => w.caller === caller).length;
        // Everybody has left in the end, so that nobody starves unseen.
        const turns = [...events, ...events.map(() => undefined)];
        turns.forEach((caller, number) => {
          if (caller !== undefined) {
            const waiting = { caller, number };
            seen.set(waiting, { own: own(caller), by: new Map() });
            queue.push(caller, waiting);
            return;
          }
          const served = queue.shift();
          if (served === undefined) return;
          seen.delete(served);
          for (const [waiting, { own, by }] of seen) {
            if (waiting.caller === served.caller) continue;
            const times = (by.get(served.caller) ?? 0) + 1;
            by.set(served.caller, times);
            expect(times).toBeLessThanOrEqual(own + 1);
          }
        });
        expect(seen.size).toBe(0);
      }),
    );
  });

  it('knows who will be served before one more of a caller, if nobody else comes', () => {
    fc.assert(
      fc.property(happenings, fc.constantFrom('alice', 'eve'), (events, caller) => {
        const queue = new FairQueue<Waiting>();
        events.forEach((who, number) => {
          if (who === undefined) queue.shift();
          else queue.push(who, { caller: who, number });
        });
        const foreseen = queue.ahead(caller);
        const last = { caller, number: events.length };
        queue.push(caller, last);

        const served: Waiting[] = [];
        for (let next = queue.shift(); next !== last; next = queue.shift()) {
          if (next === undefined) throw new Error('who was pushed last was never served');
          served.push(next);
        }
        expect(foreseen).toEqual(served);
      }),
    );
  });

  it('forgets who is taken out, and keeps the turns of the others', () => {
    const queue = new FairQueue<string>();
    for (const item of ['a1', 'a2', 'b1', 'b2', 'c1']) queue.push(item.charAt(0), item);

    queue.remove('a', 'a1');
    queue.remove('c', 'c1');
    queue.remove('c', 'c1');
    queue.remove('b', 'a2');

    expect(queue.size).toBe(3);
    expect([queue.shift(), queue.shift(), queue.shift(), queue.shift()]).toEqual([
      'a2',
      'b1',
      'b2',
      undefined,
    ]);
  });

  it('keeps no caller below its share of the places, and refuses nobody who is below it', () => {
    fc.assert(
      fc.property(happenings, fc.integer({ min: 1, max: 12 }), (events, places) => {
        const queue = new FairQueue<Waiting>();
        const waiting = new Map<string, number>();
        const count = (caller: string, by: number) =>
          waiting.set(caller, (waiting.get(caller) ?? 0) + by);
        const wronged: string[] = [];
        events.forEach((caller, number) => {
          if (caller === undefined) {
            const served = queue.shift();
            if (served !== undefined) count(served.caller, -1);
            return;
          }
          if (queue.size === places) {
            const callers = [...waiting].filter(([who, many]) => many > 0 || who === caller);
            const share = Math.floor(places / (callers.length + (waiting.has(caller) ? 0 : 1)));
            const displaced = queue.displaced(caller);
            if (displaced === undefined) {
              if ((waiting.get(caller) ?? 0) < share) wronged.push(`${caller} was refused`);
              return;
            }
            queue.remove(displaced.caller, displaced.item);
            count(displaced.caller, -1);
            const left = waiting.get(displaced.caller) ?? 0;
            if (left < share) wronged.push(`${displaced.caller} is left with ${left}`);
          }
          queue.push(caller, { caller, number });
          count(caller, 1);
          expect(queue.size).toBeLessThanOrEqual(places);
        });
        expect(wronged).toEqual([]);
      }),
    );
  });

  it('has the newest of the longest line make room, and nobody where that would only change places', () => {
    const queue = new FairQueue<string>();
    for (const item of ['a1', 'a2', 'b1', 'b2', 'b3']) queue.push(item.charAt(0), item);

    expect(queue.displaced('c')).toEqual({ caller: 'b', item: 'b3' });
    expect(queue.displaced('a')).toBeUndefined();
    expect(queue.displaced('b')).toBeUndefined();
  });
});
