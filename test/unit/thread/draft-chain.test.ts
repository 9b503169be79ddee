import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { DraftChain } from '../../../server/src/engine/thread/draft-chain.js';
import { type FromDraft } from '../../../server/src/engine/thread/messages.js';
import { Scheduler } from '../../../server/src/engine/thread/scheduler.js';
import { hashTable, TableContext } from '../../support/table-context.js';
import { throwing } from '../../support/table-host.js';
import { plainSpec } from '../sampling/plain-spec.js';

// Large, so that what stands at a wrong place is not right by chance.
const vocabularySize = 60;
const promptIds = Uint32Array.of(1, 2, 3, 4, 5);

interface Turn {
  /** How many of its proposals the target chooses as well. */
  readonly agreed: number;
  /** Further tokens of the target's own. */
  readonly own: readonly number[];
  readonly ahead: number;
  readonly window: number | undefined;
  readonly running: boolean;
  /** Passes before the next commit. */
  readonly passes: number;
  readonly aborted: boolean;
}

const turns = fc.array<Turn>(
  fc.record({
    agreed: fc.integer({ min: 0, max: 5 }),
    own: fc.array(fc.integer({ min: 0, max: vocabularySize - 1 }), { minLength: 1, maxLength: 9 }),
    ahead: fc.integer({ min: 0, max: 4 }),
    window: fc.constantFrom(undefined, undefined, 5, 8),
    running: fc.boolean(),
    passes: fc.integer({ min: 0, max: 8 }),
    aborted: fc.boolean(),
  }),
  { minLength: 1, maxLength: 20 },
);

describe('a draft chain', () => {
  it('holds the text in its order from where it began to read, and answers the last commit', () => {
    fc.assert(
      fc.property(turns, fc.boolean(), (script, eager) => {
        const { table, chain, scheduler, answers } = setUp(eager);
        const committed = [...promptIds];
        for (const { agreed, own, ahead, window, running, passes, aborted } of script) {
          const ids = [...pending(answers, committed).slice(0, agreed), ...own];
          const goal = { ahead, running, ...(window === undefined ? {} : { window }) };
          chain.commit(committed.length, ids, goal);
          committed.push(...ids);
          table.abortNext = aborted;
          for (let pass = 0; pass < passes; pass++) scheduler.tick();
        }
        while (scheduler.tick());

        const last = answers.at(-1);
        expect(last).toMatchObject({ type: 'proposals', known: committed.length });
        expect(last).toHaveProperty('stopReason');
        const text = [...committed, ...pending(answers, committed)];
        const held = table.held(0);
        expect(held).toHaveLength(chain.kv);
        const windowed = script.some(({ window }) => window !== undefined);
        const firsts = windowed ? [...text.keys()] : [0];
        const fits = (first: number): boolean => held.every((id, i) => id === text[first + i]);
        expect(firsts.some(fits)).toBe(true);
      }),
      { numRuns: 500, seed: 20_261_127 },
    );
  });

  it('leaves what was committed to others, and not what it proposed', () => {
    const { table, chain, scheduler } = setUp(false, true);
    chain.commit(promptIds.length, [10, 11], { ahead: 3, running: false });
    while (scheduler.tick());
    expect(table.held(0)).toHaveLength(promptIds.length + 2 + 2);

    scheduler.removeChain(chain);

    expect(table.held(0)).toEqual([...promptIds, 10, 11]);
  });

  it('reads only the end of a text that it is far behind, and proposes by that', () => {
    const { table, chain, scheduler, answers } = setUp(false);
    const text = Array.from({ length: 20 }, (_, i) => 10 + i);
    chain.commit(5, text, { ahead: 2, running: false, window: 6 });
    while (scheduler.tick());

    const [first] = pending(answers, [...promptIds, ...text]);
    expect(table.held(0)).toEqual([...text.slice(-6), first]);
    expect(table.evaluated).toBe(7);
  });
});

function setUp(eager: boolean, cachePrompt = false) {
  const table = new TableContext(hashTable(vocabularySize, 3));
  const answers: FromDraft[] = [];
  const scheduler = new Scheduler(table.context, 1, 4, throwing);
  const chain = new DraftChain(
    {
      stream: 0,
      chain: 0,
      promptIds,
      sampling: plainSpec({}),
      contextLength: 1000,
      commonSize: vocabularySize,
      eogIds: [],
      minProbability: 0,
      detailed: false,
      eager,
      cachePrompt,
    },
    table.context,
    answer => answers.push(answer),
  );
  scheduler.addChain(chain);
  return { table, chain, scheduler, answers };
}

/** What the chain has proposed beyond the text, as its answers tell it. */
function pending(answers: readonly FromDraft[], committed: readonly number[]): number[] {
  const told = answers.filter(answer => answer.type === 'proposals');
  const revision = told.at(-1)?.revision;
  const ids = new Map<number, number>();
  for (const answer of told)
    if (answer.revision === revision)
      for (const [i, { id }] of answer.proposals.entries()) ids.set(answer.base + i, id);
  const beyond: number[] = [];
  for (let at = committed.length; ids.has(at); at++) beyond.push(ids.get(at) ?? -1);
  return beyond;
}
