import { describe, expect, it } from '@jest/globals';
import { DraftSource } from '@outrider/sdk/proto';
import fc from 'fast-check';
import { type GenerateSpec } from '../../../server/src/engine/protocol.js';
import { Pacing } from '../../../server/src/engine/thread/pacing.js';
import { type Move, PairedSchedulers, type PairSetup } from '../../support/paired-schedulers.js';
import { blend, hashTable, type Table } from '../../support/table-context.js';
import { plainSpec } from '../sampling/plain-spec.js';

// Over the end of the text alone, or most of the time would go into hashing.
const recent =
  (table: Table): Table =>
  prefix =>
    table(prefix.slice(-8));
const target = recent(hashTable(6, 7));
const other = recent(hashTable(6, 8));
const setup: PairSetup = {
  target,
  draft: blend(target, other, 0.5),
  vocabularySize: 6,
  eogIds: [],
  contextLength: 512,
  draftContextLength: 512,
  eager: false,
};
const usual = {
  maxDraftTokens: 5,
  minDraftTokens: 0,
  minDraftProbability: 0,
  fixed: true,
  ngram: false,
  overlap: false,
};

function specOf(
  stream: number,
  speculation: Partial<GenerateSpec['speculation']>,
  change: Partial<GenerateSpec> = {},
): GenerateSpec {
  return {
    stream,
    model: 'models/target',
    promptIds: Uint32Array.of(1, 0),
    maxTokens: 400,
    stop: [],
    sampling: plainSpec({ seed: 1000 + stream }),
    speculation: { ...usual, ...speculation },
    cachePrompt: false,
    statsLevel: 'STATS_LEVEL_DETAILED',
    ...change,
  };
}

function run(pair: PairedSchedulers, specs: readonly GenerateSpec[]) {
  for (const spec of specs) {
    pair.begin(spec, true);
    pair.finish();
  }
  expect(pair.done).toBe(true);
  return specs.map(({ stream }) => told(pair, stream));
}

function told(pair: PairedSchedulers, stream: number) {
  const events = pair.events.get(stream) ?? [];
  const steps = events.flatMap(event => (event.type === 'step' ? [event.step] : []));
  const last = events.at(-1);
  if (last?.type !== 'completed') throw new Error(`stream ${stream} was not completed`);
  return {
    ids: steps.flatMap(({ tokens }) => tokens.map(({ id }) => id)),
    steps: steps.flatMap(({ stats }) => (stats === undefined ? [] : [stats])),
    summary: last.completion.speculation,
  };
}

describe('a stream under synthetic acceptance', () => {
  it.each([
    ['by turns', { overlap: false }],
    ['with a draft that runs ahead', { overlap: true }],
    ['with copies from its text as well', { ngram: true }],
  ])('accepts at each position as often as its rate says, %s', (_, change) => {
    const synthetic = [0.9, 0.6, 0.3];
    const specs = Array.from({ length: 40 }, (_, stream) =>
      specOf(stream, { ...change, synthetic }),
    );
    const streams = run(new PairedSchedulers(setup), specs);

    const total = (of: (summary: (typeof streams)[number]['summary']) => number): number =>
      streams.reduce((sum, { summary }) => sum + of(summary), 0);
    for (let position = 0; position < 4; position++) {
      const rate = synthetic[Math.min(position, 2)] ?? 0;
      const accepted = total(summary => summary.acceptedPerPosition[position] ?? 0);
      // A position is reached where the draft goes so far and all before it were accepted.
      let reached = 0;
      for (const { steps } of streams)
        for (const { numDraftTokens: drafted, numAcceptedDraftTokens: taken } of steps)
          if (drafted > position && taken >= position) reached++;
      expect(reached).toBeGreaterThan(300);
      const spread = 4 * Math.sqrt((rate * (1 - rate)) / reached);
      expect(Math.abs(accepted / reached - rate)).toBeLessThan(spread);
    }
    expect(total(summary => summary.numDraftTokens)).toBeGreaterThan(10_000);
  });

  it('writes what it would without a draft where nothing is ever accepted', () => {
    const [refused] = run(new PairedSchedulers(setup), [specOf(0, { synthetic: [0] })]);
    const pair = new PairedSchedulers(setup);
    pair.begin(specOf(0, {}), false);
    pair.finish();

    expect(refused?.summary.numAcceptedDraftTokens).toBe(0);
    expect(refused?.summary.numDraftTokens).toBeGreaterThan(1000);
    expect(refused?.ids).toEqual(told(pair, 0).ids);
  });

  it('falls the same way each time', () => {
    const spec = specOf(3, { synthetic: [0.7] });
    const [once] = run(new PairedSchedulers(setup), [spec]);
    const [again] = run(new PairedSchedulers(setup), [spec]);

    expect(again?.ids).toEqual(once?.ids);
  });

  it('never accepts an end of text, so that its length is that of its choices', () => {
    const ending = { ...setup, eogIds: [5] };
    const specs = Array.from({ length: 30 }, (_, i) => specOf(i, { synthetic: [1] }));
    const streams = run(new PairedSchedulers(ending), specs);
    const guesses = streams.flatMap(({ steps }) => steps.flatMap(({ draftTokens }) => draftTokens));

    expect(guesses.filter(({ id }) => id === 5).length).toBeGreaterThan(5);
    expect(guesses.filter(({ id, accepted }) => accepted && id === 5)).toEqual([]);
  });

  it('drafts anew what dice have refused, though the target would have chosen the same', () => {
    const alike = { ...setup, draft: target };
    const refused = new PairedSchedulers(alike);
    const [stream] = run(refused, [specOf(0, { synthetic: [0] })]);

    // Every step reads its own token and drafts a whole draft, of which the last token is not read.
    expect(refused.draftRows).toBeGreaterThanOrEqual((stream?.summary.numDraftTokens ?? 0) - 10);
    for (const { numDiscardedDraftTokens, numDraftTokens } of stream?.steps.slice(0, -6) ?? []) {
      expect(numDiscardedDraftTokens).toBe(0);
      expect(numDraftTokens).toBe(5);
    }
  });

  it('verifies or discards every token that was drafted, whatever the order of events', () => {
    const moves: readonly Move[] = ['target', 'draft', 'toDraft', 'toTarget', 'swap', 'late'];
    fc.assert(
      fc.property(
        fc.array(fc.constantFrom(...moves), { maxLength: 200 }),
        fc.array(fc.double({ min: 0, max: 1, noNaN: true }), { minLength: 1, maxLength: 4 }),
        fc.boolean(),
        fc.boolean(),
        fc.constantFrom(0, 0.3),
        fc.nat(),
        (schedule, synthetic, overlap, ngram, unlike, seed) => {
          const draft = blend(target, other, unlike);
          const pair = new PairedSchedulers({ ...setup, draft });
          const sampling = plainSpec({ seed });
          const spec = specOf(0, { synthetic, overlap, ngram }, { maxTokens: 40, sampling });
          pair.begin(spec, true);
          for (const move of schedule) pair.move(move);
          pair.finish();

          const { summary, ids } = told(pair, 0);
          const model = summary.sources.find(({ source }) => source === DraftSource.DRAFT_MODEL);
          expect(ids).toHaveLength(40);
          expect(pair.openChains).toBe(0);
          expect((model?.numDraftTokens ?? 0) + summary.numDiscardedDraftTokens).toBe(
            pair.proposed.get(0) ?? 0,
          );
        },
      ),
      { numRuns: 200, seed: 20_261_127 },
    );
  });

  it('neither reads nor writes what is known of its pair', () => {
    const pacing = new Pacing([], 16);
    const draft = { peer: 'draft', disjoint: false };
    const known = pacing.stream(specOf(0, {}), draft).calibration;
    const before = known.acceptances();
    const diced = pacing.stream(specOf(1, { synthetic: [0] }), draft).calibration;
    for (let i = 0; i < 200; i++) diced.observe(3, false, 0);

    expect(pacing.stream(specOf(2, {}), draft).calibration.acceptances()).toEqual(before);
    for (let i = 0; i < 200; i++) known.observe(3, false, 0);
    expect(pacing.stream(specOf(3, {}), draft).calibration.acceptanceOf(3)).toBeLessThan(0.3);
    const later = pacing.stream(specOf(4, { synthetic: [0] }), draft).calibration;
    expect(later.acceptances()).toEqual(before);
  });
});
