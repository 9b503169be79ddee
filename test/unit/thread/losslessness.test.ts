import { describe, expect, it } from '@jest/globals';
import { type DecodeCost, DraftSource } from '@outrider/sdk/proto';
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

/** Of five ids that none ends, with room for every stream. */
const roomy = {
  vocabularySize: 5,
  eogIds: [],
  contextLength: 64,
  draftContextLength: 64,
  eager: false,
};

const moves: readonly Move[] = ['target', 'draft', 'toDraft', 'toTarget'];

/** Of a pair that was not timed, of one that pays at any length, of one that never does and of one whose draft is slow. */
const costs: readonly Pick<PairSetup, 'costs' | 'stepUs'>[] = [
  {},
  { costs: passes(1), stepUs: 1 },
  { costs: passes(50), stepUs: 1 },
  { costs: passes(1), stepUs: 90 },
];

function passes(rowUs: number): DecodeCost[] {
  return [1, 2, 4, 8, 16].map(rows => ({
    rows,
    durationUs: 100 + (rows - 1) * rowUs,
  }));
}

const setups = fc
  .record({
    size: fc.integer({ min: 2, max: 6 }),
    targetSeed: fc.integer(),
    draftSeed: fc.integer(),
    unlike: fc.constantFrom(0, 0.1, 0.4, 1),
    otherUnlike: fc.constantFrom(0, 0.4, 1),
    contextLength: fc.integer({ min: 12, max: 40 }),
    draftContextLength: fc.integer({ min: 8, max: 40 }),
    eager: fc.boolean(),
    ends: fc.boolean(),
    timed: fc.constantFrom(...costs),
  })
  .map(({ size, targetSeed, draftSeed, unlike, otherUnlike, ends, timed, ...rest }): PairSetup => {
    const target = hashTable(size, targetSeed);
    return {
      ...rest,
      ...timed,
      target,
      draft: blend(target, hashTable(size, draftSeed), unlike),
      otherDraft: blend(target, hashTable(size, draftSeed + 1), otherUnlike),
      vocabularySize: size,
      eogIds: ends ? [size - 1] : [],
    };
  });

const streams = fc.array<Request>(
  fc.record({
    prompt: fc.array(fc.integer({ min: 0, max: 1 }), { minLength: 1, maxLength: 11 }),
    maxTokens: fc.integer({ min: 1, max: 30 }),
    temperature: fc.constantFrom(0, 0.7, 1.3),
    topK: fc.constantFrom(0, 2),
    repetitionPenalty: fc.constantFrom(1, 1.3),
    seed: fc.integer({ min: 0, max: 2 ** 32 - 1 }),
    stop: fc.constantFrom([], [' 1 0'], [' 0 0', '1 1 1']),
    maxDraftTokens: fc.integer({ min: 1, max: 7 }),
    minDraftTokens: fc.constantFrom(0, 0, 2),
    minDraftProbability: fc.constantFrom(0, 0, 0.4),
    fixed: fc.boolean(),
    ngram: fc.boolean(),
    overlap: fc.boolean(),
    cachePrompt: fc.constant(false),
  }),
  { minLength: 1, maxLength: 3 },
);

describe('a stream over tables', () => {
  it('has the same ids, text and end with a draft as without, whatever the order of events', () => {
    fc.assert(
      fc.property(
        setups,
        streams,
        fc.array(fc.constantFrom<Move>(...moves, ...moves, 'lose', 'swap', 'late', 'abort'), {
          maxLength: 160,
        }),
        (setup, requests, schedule) => {
          const specs = requests.map((request, stream) => specOf(stream, request));
          const plain = new PairedSchedulers(setup);
          for (const spec of specs) plain.begin(spec, false);
          plain.finish();
          const drafted = new PairedSchedulers(setup);
          for (const spec of specs) drafted.begin(spec, true);
          for (const move of schedule) drafted.move(move);
          drafted.finish();

          expect(drafted.done).toBe(true);
          expect(drafted.openChains).toBe(0);
          for (const { stream } of specs)
            expect(outputOf(drafted, stream)).toEqual(outputOf(plain, stream));
        },
      ),
      { numRuns: 400, seed: 20_261_123 },
    );
  });

  it('verifies or discards every token that was drafted for it, also when its draft is exchanged', () => {
    fc.assert(
      fc.property(
        setups,
        streams,
        fc.array(fc.constantFrom<Move>(...moves, ...moves, 'swap', 'late', 'abort'), {
          maxLength: 160,
        }),
        (setup, requests, schedule) => {
          const drafted = new PairedSchedulers(setup);
          const specs = requests.map((request, stream) => specOf(stream, request));
          for (const spec of specs) drafted.begin(spec, true);
          for (const move of schedule) drafted.move(move);
          drafted.finish();

          for (const { stream } of specs) {
            const summary = completionOf(drafted, stream)?.speculation;
            // Copies from the text count only when they are verified.
            const model = summary?.sources.find(({ source }) => source === DraftSource.DRAFT_MODEL);
            const counted = (model?.numDraftTokens ?? 0) + (summary?.numDiscardedDraftTokens ?? 0);
            expect(counted).toBe(drafted.proposed.get(stream) ?? 0);
          }
        },
      ),
      { numRuns: 300, seed: 20_261_126 },
    );
  });

  it('accepts what a better draft proposes from the step after the exchange on', () => {
    const target = hashTable(5, 7);
    const pair = new PairedSchedulers({
      target,
      draft: hashTable(5, 8),
      otherDraft: target,
      ...roomy,
    });
    pair.begin(specOf(0, { ...easy, temperature: 1, maxTokens: 50, maxDraftTokens: 4 }), true);
    while (statsOf(pair, 0).length < 3) for (const move of moves) pair.move(move);
    pair.move('swap');
    const before = statsOf(pair, 0).length;
    pair.finish();

    const later = statsOf(pair, 0).slice(before + 1, -1);
    expect(later.length).toBeGreaterThan(2);
    for (const step of later) expect(step.numAcceptedDraftTokens).toBe(4);
  });

  it('does not wait for the answers of a draft that was taken away', () => {
    const target = hashTable(5, 7);
    const pair = new PairedSchedulers({
      target,
      draft: target,
      ...roomy,
    });
    pair.begin(specOf(0, { ...easy, maxTokens: 20 }), true);
    pair.move('target');
    pair.move('swap');
    // Nothing reaches the old draft any more, nor comes from it.
    const alone: readonly Move[] = ['toDraft', 'draft', 'toTarget', 'target'];
    while (alone.map(move => pair.move(move)).some(Boolean));

    expect(pair.done).toBe(true);
  });

  it('evaluates every row of the target once: prompt, own tokens, and drafts that were refused', () => {
    fc.assert(
      fc.property(setups, streams, (setup, requests) => {
        const drafted = new PairedSchedulers(setup);
        const specs = requests.map((request, stream) => specOf(stream, request));
        for (const spec of specs) drafted.begin(spec, true);
        drafted.finish();

        let rows = 0;
        for (const { stream, promptIds } of specs) {
          rows += promptIds.length;
          for (const stats of statsOf(drafted, stream)) rows += 1 + stats.numDraftTokens;
        }
        expect(drafted.targetContext.evaluated).toBe(rows);
      }),
      { numRuns: 200, seed: 20_261_124 },
    );
  });

  it('never feeds a draft what it holds already: rows are at most prompt, output and refused drafts', () => {
    fc.assert(
      fc.property(setups, streams, (setup, requests) => {
        const drafted = new PairedSchedulers(setup);
        const specs = requests.map((request, stream) =>
          // A draft that runs ahead may be refuted in what it has not sent yet.
          specOf(stream, { ...request, overlap: false }),
        );
        for (const spec of specs) drafted.begin(spec, true);
        drafted.finish();

        let most = 0;
        for (const { stream, promptIds } of specs) {
          most += promptIds.length + 1;
          for (const stats of statsOf(drafted, stream))
            // Accepted ones and the target's own token, those refused, and those never verified: only after a draft that
            // was dropped unread may its last position be read again.
            most += stats.numDraftTokens + 1 + 2 * stats.numDiscardedDraftTokens;
        }
        expect(drafted.draftRows).toBeLessThanOrEqual(most);
      }),
      { numRuns: 200, seed: 20_261_125 },
    );
  });

  it('accepts every token of a draft that is the target itself', () => {
    const target = hashTable(5, 7);
    const setup = {
      target,
      draft: target,
      ...roomy,
    };
    for (const temperature of [0, 1]) {
      const pair = new PairedSchedulers(setup);
      pair.begin(specOf(0, { ...easy, temperature, maxTokens: 41, maxDraftTokens: 4 }), true);
      pair.finish();

      const stats = statsOf(pair, 0);
      expect(stats).toHaveLength(8);
      for (const step of stats) expect(step.numAcceptedDraftTokens).toBe(4);
    }
  });
});
