import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { CodedError } from '../../../server/src/coded-error.js';
import { Admission, type Held } from '../../../server/src/registry/admission.js';

const NEVER = new AbortController().signal;

function admissionOf(sequences: number, maxQueue: number): Admission {
  return new Admission('models/big', () => sequences, maxQueue);
}

/** Somebody who wants a sequence, and what became of it. */
function ask(
  admission: Admission,
  caller: string,
  more: { signal?: AbortSignal; remainingMs?: number } = {},
) {
  const asked: { held?: Held; refusal?: unknown } = {};
  const { signal = new AbortController().signal, remainingMs } = more;
  const settled = admission.enter({ caller, signal, maxTokens: 10, remainingMs }).then(
    held => {
      asked.held = held;
    },
    (error: unknown) => {
      asked.refusal = error;
    },
  );
  return { asked, settled };
}

describe('the sequences of a model', () => {
  it('are never idle while anybody waits, whoever comes, goes and gives up', async () => {
    const events = fc.array(
      fc.oneof(
        fc.record({ caller: fc.constantFrom('alice', 'bob', 'carol') }),
        fc.record({ ends: fc.nat({ max: 9 }) }),
        fc.record({ givesUp: fc.nat({ max: 9 }) }),
      ),
      { maxLength: 60 },
    );
    await fc.assert(
      fc.asyncProperty(events, fc.integer({ min: 1, max: 3 }), async (happenings, sequences) => {
        const admission = admissionOf(sequences, 5);
        const streams: (ReturnType<typeof ask> & { leave: AbortController })[] = [];
        for (const event of happenings) {
          if ('caller' in event) {
            const leave = new AbortController();
            streams.push({ ...ask(admission, event.caller, { signal: leave.signal }), leave });
          } else if ('ends' in event) {
            const held = streams[event.ends]?.asked.held;
            if (held !== undefined) admission.leave(held);
          } else {
            streams[event.givesUp]?.leave.abort(new CodedError('CANCELLED', 'gone'));
          }
          expect(admission.waiting === 0 || admission.held === sequences).toBe(true);
          expect(admission.waiting).toBeLessThanOrEqual(5);
          expect(admission.held).toBeLessThanOrEqual(sequences);
          await new Promise(resolve => setImmediate(resolve));
        }
      }),
      { numRuns: 50 },
    );
  });

  it('go to callers in turns, however many of one wait', async () => {
    const admission = admissionOf(1, 10);
    const served: string[] = [];
    const enter = (caller: string) =>
      admission
        .enter({ caller, signal: NEVER, maxTokens: 1, remainingMs: undefined })
        .then(held => {
          served.push(caller);
          admission.leave(held);
        });
    const first = await admission.enter({
      ...{ caller: 'alice', signal: NEVER, maxTokens: 1, remainingMs: undefined },
    });
    const all = ['alice', 'alice', 'alice', 'bob', 'carol', 'bob'].map(enter);

    admission.leave(first);
    await Promise.all(all);

    expect(served).toEqual(['alice', 'bob', 'carol', 'alice', 'bob', 'alice']);
  });
});

describe('a full queue', () => {
  it('makes room for a caller with less than its share: the newest of the greediest is sent away, to try again', async () => {
    const admission = admissionOf(1, 4);
    const greedy = Array.from({ length: 5 }, () => ask(admission, 'greedy'));
    await greedy[0]?.settled;

    const modest = ask(admission, 'modest');
    await greedy[4]?.settled;

    expect(greedy[4]?.asked.refusal).toMatchObject({
      reason: 'QUEUE_FULL',
      metadata: { queue: '4' },
      retryAfterMs: 1_000,
    });
    expect(greedy.slice(1, 4).map(({ asked }) => asked)).toEqual([{}, {}, {}]);
    expect(modest.asked).toEqual({});
    expect(admission.waiting).toBe(4);
  });

  it('sends nobody away for a caller whose deadline is before its turn', async () => {
    const admission = admissionOf(1, 2);
    const greedy = Array.from({ length: 3 }, () => ask(admission, 'greedy'));
    admission.observe(10, 10_000);

    const hasty = ask(admission, 'hasty', { remainingMs: 1_000 });
    await hasty.settled;

    expect(hasty.asked.refusal).toMatchObject({ reason: 'DEADLINE_EXCEEDED' });
    expect(greedy.map(({ asked }) => asked.refusal)).toEqual([undefined, undefined, undefined]);
  });

  it('tells a caller to come back after the wait that it would have', async () => {
    const admission = admissionOf(1, 4);
    admission.observe(10, 1_000);
    for (let i = 0; i < 3; i += 1) void ask(admission, 'greedy');
    for (let i = 0; i < 2; i += 1) void ask(admission, 'modest');

    const { asked, settled } = ask(admission, 'greedy');
    await settled;

    // One stream runs, and two of each have their turns before greedy's third.
    expect(asked.refusal).toMatchObject({ reason: 'QUEUE_FULL', retryAfterMs: 5_000 });
  });
});

describe('a deadline in the queue', () => {
  it('is held against the turn that the caller has, not against the length of the queue', async () => {
    const admission = admissionOf(1, 10);
    admission.observe(10, 1_000);
    for (let i = 0; i < 5; i += 1) void ask(admission, 'greedy');

    const modest = ask(admission, 'modest', { remainingMs: 2_500 });
    const another = ask(admission, 'greedy', { remainingMs: 5_500 });
    await another.settled;

    expect(modest.asked).toEqual({});
    expect(another.asked.refusal).toMatchObject({
      reason: 'DEADLINE_EXCEEDED',
      metadata: { stage: 'QUEUE' },
    });
  });
});
