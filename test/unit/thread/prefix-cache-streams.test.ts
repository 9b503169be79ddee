import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { type Move, PairedSchedulers, type PairSetup } from '../../support/paired-schedulers.js';
import { blend, hashTable } from '../../support/table-context.js';
import {
  completionOf,
  easy,
  outputOf,
  type Request,
  specOf,
  statsOf,
} from '../../support/table-streams.js';

interface Asked {
  readonly request: Request;
  readonly drafted: boolean;
}

/** What a schedule may do beside letting both sides work: take up the next stream, or end the oldest one. */
type Happening = Move | 'begin' | 'cancel';

const work: readonly Move[] = ['toDraft', 'draft', 'toTarget', 'target'];

const setups = fc
  .record({
    targetSeed: fc.integer(),
    unlike: fc.constantFrom(0, 0.1, 0.4),
    contextLength: fc.integer({ min: 16, max: 40 }),
    draftContextLength: fc.integer({ min: 10, max: 40 }),
    sequences: fc.integer({ min: 1, max: 4 }),
    eager: fc.boolean(),
    ends: fc.boolean(),
  })
  .map(({ targetSeed, unlike, ends, ...rest }): PairSetup => {
    const target = hashTable(4, targetSeed);
    return {
      ...rest,
      // What the sequences can hold, and not one more.
      cells: rest.sequences * Math.max(rest.contextLength, rest.draftContextLength),
      target,
      draft: blend(target, hashTable(4, targetSeed + 1), unlike),
      vocabularySize: 4,
      eogIds: ends ? [3] : [],
    };
  });

/** Prompts that have anything from nothing to all in common. */
const streams = fc
  .record({
    base: fc.array(fc.integer({ min: 0, max: 3 }), { minLength: 12, maxLength: 12 }),
    asked: fc.array(
      fc.record({
        kept: fc.integer({ min: 0, max: 12 }),
        own: fc.array(fc.integer({ min: 0, max: 3 }), { maxLength: 3 }),
        maxTokens: fc.integer({ min: 1, max: 16 }),
        temperature: fc.constantFrom(0, 1),
        seed: fc.integer({ min: 0, max: 3 }),
        maxDraftTokens: fc.integer({ min: 1, max: 5 }),
        ngram: fc.boolean(),
        overlap: fc.boolean(),
        cachePrompt: fc.constantFrom(true, true, true, false),
        drafted: fc.boolean(),
      }),
      { minLength: 2, maxLength: 7 },
    ),
  })
  .map(({ base, asked }) =>
    asked.map(({ kept, own, drafted, ...rest }): Asked => {
      const prompt = [...base.slice(0, kept), ...own];
      return { request: { ...easy, ...rest, prompt: prompt.length > 0 ? prompt : [0] }, drafted };
    }),
  );

describe('streams that share KV', () => {
  it('have the text that they have alone and cold, whatever came before, runs beside them or was cancelled', () => {
    let reused = 0;
    fc.assert(
      fc.property(setups, streams, happenings('cancel'), (setup, asked, schedule) => {
        const pair = new PairedSchedulers(setup);
        const cancelled = play(pair, asked, schedule);

        for (const [stream, { request }] of asked.entries()) {
          const alone = coldly(setup, request);
          const [told, whole] = [outputOf(pair, stream), outputOf(alone, 0)];
          const part = {
            ...told,
            ids: whole.ids.slice(0, told.ids.length),
            end: { type: 'cancelled' },
          };
          expect(told).toEqual(cancelled.has(stream) ? part : whole);
          reused += completionOf(pair, stream)?.usage.cachedTokens ?? 0;
        }
      }),
      { numRuns: 250, seed: 20_261_127 },
    );
    expect(reused).toBeGreaterThan(800);
  });

  it('evaluate every row once, and say how many of the prompt they did not', () => {
    fc.assert(
      fc.property(setups, streams, happenings(), (setup, asked, schedule) => {
        const pair = new PairedSchedulers(setup);
        play(pair, asked, schedule);

        let rows = 0;
        for (const [stream, { request }] of asked.entries()) {
          const completion = completionOf(pair, stream);
          const cachedTokens = completion?.usage.cachedTokens ?? -1;
          expect(pair.events.get(stream)?.[0]).toEqual({ type: 'started', cachedTokens });
          expect(completion?.speculation.targetKvReusedTokens).toBe(cachedTokens);
          const most = request.cachePrompt ? request.prompt.length - 1 : 0;
          expect(cachedTokens).toBeLessThanOrEqual(most);
          rows += request.prompt.length - cachedTokens;
          for (const stats of statsOf(pair, stream)) rows += 1 + stats.numDraftTokens;
        }
        expect(pair.targetContext.evaluated).toBe(rows);
      }),
      { numRuns: 150, seed: 20_261_128 },
    );
  });

  it('know at every moment what either context holds', () => {
    fc.assert(
      fc.property(setups, streams, happenings('cancel', 'lose'), (setup, asked, schedule) => {
        const pair = new PairedSchedulers(setup);

        play(pair, asked, schedule, () => {
          expect(pair.held.map(({ told }) => told)).toEqual(pair.held.map(({ real }) => real));
        });
      }),
      { numRuns: 100, seed: 20_261_129 },
    );
  });

  it.each([true, false])(
    'give way to whoever runs when there are not as many cells as the sequences could hold, known before: %s',
    cellsKnown => {
      fc.assert(
        fc.property(setups, streams, (setup, asked) => {
          const { contextLength, draftContextLength } = setup;
          const cells = Math.max(contextLength, draftContextLength);
          const pair = new PairedSchedulers({ ...setup, cells, cellsKnown });
          for (const [stream, { request, drafted }] of asked.entries()) {
            pair.begin(specOf(stream, request), drafted);
            pair.finish();

            expect(outputOf(pair, stream)).toEqual(outputOf(coldly(setup, request), 0));
          }
        }),
        { numRuns: 75, seed: 20_261_130 },
      );
    },
  );
});

describe('a draft chain', () => {
  it('begins with what the chain of another stream left, and the target says how much that was', () => {
    const target = hashTable(4, 7);
    const pair = new PairedSchedulers({
      ...{ target, draft: target, vocabularySize: 4, eogIds: [], eager: true },
      ...{ contextLength: 64, draftContextLength: 64 },
    });
    const prompt = [0, 1, 2, 3, 3, 2, 1, 0];
    const request = { ...easy, prompt, cachePrompt: true };
    pair.begin(specOf(0, request), true);
    pair.finish();
    const before = pair.draftRows;
    pair.begin(specOf(1, { ...request, prompt: [...prompt, 2] }), true);
    pair.finish();

    expect(completionOf(pair, 0)?.speculation.draftKvReusedTokens).toBe(0);
    expect(completionOf(pair, 1)?.speculation.draftKvReusedTokens).toBe(8);
    expect(pair.draftRows - before).toBeLessThan(before);
  });
});

function happenings(...beside: readonly Happening[]) {
  const all: readonly Happening[] = [...work, ...work, 'begin', 'abort', ...beside];
  return fc.array(fc.constantFrom<Happening>(...all), { maxLength: 200 });
}

/** Lets it all happen, then runs what is left to its end; returns the streams that were cancelled. */
function play(
  pair: PairedSchedulers,
  asked: readonly Asked[],
  schedule: readonly Happening[],
  after: () => void = () => undefined,
): ReadonlySet<number> {
  const cancelled = new Set<number>();
  const running = (): number[] =>
    [...pair.events.keys()].filter(stream => {
      const last = pair.events.get(stream)?.at(-1)?.type;
      return last !== 'completed' && last !== 'cancelled';
    });
  const begin = (): void => {
    const stream = pair.events.size;
    const next = asked[stream];
    if (next !== undefined) pair.begin(specOf(stream, next.request), next.drafted);
  };
  for (const happening of schedule) {
    if (happening === 'begin') begin();
    else if (happening === 'cancel') {
      const [stream] = running();
      if (stream !== undefined) {
        pair.cancel(stream);
        cancelled.add(stream);
      }
    } else pair.move(happening);
    after();
  }
  while (pair.events.size < asked.length) begin();
  pair.finish();
  after();
  expect(pair.done).toBe(true);
  expect(pair.openChains).toBe(0);
  return cancelled;
}

function coldly(setup: PairSetup, request: Request): PairedSchedulers {
  const pair = new PairedSchedulers(setup);
  pair.begin(specOf(0, { ...request, cachePrompt: false }), false);
  pair.finish();
  return pair;
}
