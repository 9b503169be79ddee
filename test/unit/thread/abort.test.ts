import { describe, expect, it } from '@jest/globals';
import { AbortFlag, abortFlagBytes } from '../../../server/src/engine/thread/abort-flag.js';
import { DraftChain } from '../../../server/src/engine/thread/draft-chain.js';
import { type FromDraft } from '../../../server/src/engine/thread/messages.js';
import { Scheduler } from '../../../server/src/engine/thread/scheduler.js';
import { hashTable, TableContext } from '../../support/table-context.js';
import { throwing } from '../../support/table-host.js';
import { plainSpec } from '../sampling/plain-spec.js';

describe('the pass of a draft', () => {
  it('is given up on its own stream alone, and the next one is armed anew', () => {
    const buffer = new SharedArrayBuffer(abortFlagBytes);
    const [mine, theirs] = [new AbortFlag(buffer), new AbortFlag(buffer)];
    const given = (): boolean[] => [...new BigInt64Array(buffer).subarray(2, 6)].map(n => n === 0n);

    mine.begin(7);
    theirs.abort(8);
    expect(given()).toEqual([false, false, false, false]);
    theirs.abort(7);
    expect(given()).toEqual([true, false, false, false]);
    mine.end();
    expect(given()).toEqual([false, false, false, false]);
    theirs.abort(7);
    mine.begin(undefined);
    theirs.abort(7);
    expect(given()).toEqual([false, false, false, false]);
  });

  it('that was given up evaluates nothing, and is made again', () => {
    const table = new TableContext(hashTable(5, 3));
    const { decode } = table.context;
    const codes = [2, 2];
    const context = { ...table.context, decode: () => codes.pop() ?? decode(false) };
    const answers: FromDraft[] = [];
    const scheduler = new Scheduler(context, 1, 8, throwing);
    const chain = new DraftChain(
      {
        stream: 1,
        chain: 0,
        promptIds: Uint32Array.of(1, 2, 3),
        sampling: plainSpec({}),
        contextLength: 32,
        commonSize: 5,
        eogIds: [],
        minProbability: 0,
        detailed: false,
        eager: false,
        cachePrompt: false,
      },
      context,
      answer => answers.push(answer),
    );
    scheduler.addChain(chain);
    chain.commit(3, [4], { ahead: 2, running: false });
    while (scheduler.tick());

    expect(codes).toEqual([]);
    expect(answers).toMatchObject([{ type: 'proposals', base: 4, rows: 5 }]);
    expect(table.held(0)).toHaveLength(5);
  });
});
