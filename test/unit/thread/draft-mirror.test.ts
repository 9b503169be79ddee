import { describe, expect, it } from '@jest/globals';
import { DraftStopReason } from '@outrider/sdk/proto';
import { TokenList } from '../../../server/src/engine/thread/decoder.js';
import { DraftMirror } from '../../../server/src/engine/thread/draft-mirror.js';
import { type FromDraft, type Proposal } from '../../../server/src/engine/thread/messages.js';

type Proposals = Extract<FromDraft, { type: 'proposals' }>;

const prompt = [9, 9, 9, 9];

describe("a target's mirror of its draft chain", () => {
  it('keeps what lies beyond the text, in order', () => {
    const { mirror, tokens } = setUp();
    mirror.receive(answer(4, [1, 2]), tokens);
    mirror.receive(answer(6, [3]), tokens);

    expect(idsOf(mirror)).toEqual([1, 2, 3]);
    expect(mirror.takeDiscarded()).toBe(0);
  });

  it('compares and drops what the text has come to meanwhile, and keeps what lies behind', () => {
    const { mirror, tokens, compared } = setUp([1, 2]);
    mirror.receive(answer(4, [1, 2, 3]), tokens);

    expect(compared).toEqual([
      [1, true],
      [2, true],
    ]);
    expect(idsOf(mirror)).toEqual([3]);
    expect(mirror.takeDiscarded()).toBe(2);
    expect(mirror.takeDiscarded()).toBe(0);
  });

  it('takes nothing behind a token that the text refutes, until the chain answers under another revision', () => {
    const { mirror, tokens, compared } = setUp([1, 2]);
    mirror.receive(answer(4, [1, 7, 3]), tokens);
    mirror.receive(answer(7, [4]), tokens);

    expect(compared).toEqual([
      [1, true],
      [7, false],
    ]);
    expect(idsOf(mirror)).toEqual([]);
    expect(mirror.takeDiscarded()).toBe(4);

    mirror.receive(answer(6, [5], { revision: 1 }), tokens);
    expect(idsOf(mirror)).toEqual([5]);
    mirror.receive(answer(7, [6], { revision: 0 }), tokens);
    expect(idsOf(mirror)).toEqual([5]);
    expect(mirror.takeDiscarded()).toBe(1);
  });

  it('drops answers from before a restart whole, whatever they say of resting', () => {
    const { mirror, tokens, compared } = setUp([1]);
    mirror.receive(answer(5, [2]), tokens);
    mirror.restart();
    mirror.receive(
      answer(4, [1, 2], { revision: 1, known: 5, stopReason: DraftStopReason.EOG }),
      tokens,
    );

    expect(compared).toEqual([]);
    expect(mirror.restReason(5)).toBeUndefined();
    expect(mirror.takeDiscarded()).toBe(3);
    mirror.receive(answer(5, [4], { epoch: 1 }), tokens);
    expect(idsOf(mirror)).toEqual([]);
    mirror.receive(answer(5, [3], { revision: 1, epoch: 1 }), tokens);
    expect(idsOf(mirror)).toEqual([3]);
  });

  it('says why the chain rests only while the text is what the chain knew', () => {
    const { mirror, tokens } = setUp();
    mirror.receive(answer(4, [1], { known: 4, stopReason: DraftStopReason.P_MIN }), tokens);
    expect(mirror.restReason(4)).toBe(DraftStopReason.P_MIN);
    expect(mirror.restReason(5)).toBeUndefined();
    mirror.receive(answer(5, [2], { known: 4 }), tokens);
    expect(mirror.restReason(4)).toBeUndefined();
  });

  it('neither compares nor discards what was verified', () => {
    const { mirror, tokens, compared } = setUp();
    mirror.receive(answer(4, [1, 2, 3, 4, 5]), tokens);
    // Two verified and accepted; the third token is the target's own, and the same as was proposed.
    expect(mirror.commit([1, 2, 3], 2)).toBe(false);

    expect(compared).toEqual([[3, true]]);
    expect(idsOf(mirror)).toEqual([4, 5]);
    expect(mirror.takeDiscarded()).toBe(1);
  });

  it('discards behind a refused token only what was not verified', () => {
    const { mirror, tokens, compared } = setUp();
    mirror.receive(answer(4, [1, 2, 3, 4, 5]), tokens);
    expect(mirror.commit([1, 7], 3)).toBe(true);

    expect(compared).toEqual([]);
    expect(idsOf(mirror)).toEqual([]);
    expect(mirror.takeDiscarded()).toBe(2);
    // What the chain made of it meanwhile stands on it.
    mirror.receive(answer(9, [6]), tokens);
    expect(idsOf(mirror)).toEqual([]);
    expect(mirror.takeDiscarded()).toBe(1);
  });

  it('compares a wrong token that was not verified, and discards it with all behind it', () => {
    const { mirror, tokens, compared } = setUp();
    mirror.receive(answer(4, [1, 2, 3]), tokens);
    expect(mirror.commit([7], 0)).toBe(true);

    expect(compared).toEqual([[1, false]]);
    expect(mirror.takeDiscarded()).toBe(3);
  });

  it('is not refuted by text beyond what was proposed', () => {
    const { mirror, tokens } = setUp();
    mirror.receive(answer(4, [1]), tokens);
    expect(mirror.commit([1, 7], 1)).toBe(false);

    expect(mirror.takeDiscarded()).toBe(0);
  });

  it('forgets verified tokens behind an accepted end of text', () => {
    const { mirror, tokens, compared } = setUp();
    mirror.receive(answer(4, [1, 2, 3, 4]), tokens);
    expect(mirror.commit([1], 3)).toBe(false);

    expect(idsOf(mirror)).toEqual([4]);
    expect(compared).toEqual([]);
    expect(mirror.takeDiscarded()).toBe(0);
  });

  it('ends as it began, with all that is in no pass discarded', () => {
    const { mirror, tokens } = setUp();
    mirror.receive(
      answer(4, [1, 2, 3], { revision: 3, known: 4, stopReason: DraftStopReason.COST }),
      tokens,
    );
    mirror.restart();
    mirror.receive(
      answer(4, [1, 2, 3], {
        revision: 4,
        epoch: 1,
        known: 4,
        stopReason: DraftStopReason.COST,
      }),
      tokens,
    );
    mirror.close(2);

    expect(mirror.takeDiscarded()).toBe(3 + 1);
    expect(idsOf(mirror)).toEqual([]);
    expect(mirror.restReason(4)).toBeUndefined();
    // The next chain counts from 0 again.
    mirror.receive(answer(4, [5]), tokens);
    expect(idsOf(mirror)).toEqual([5]);

    expect(mirror.commit([6], 0)).toBe(true);
    mirror.close(0);
    mirror.receive(answer(4, [8]), tokens);
    expect(idsOf(mirror)).toEqual([8]);
  });

  it('counts what another chain proposed', () => {
    const { mirror } = setUp();
    mirror.discard(2);
    mirror.discard(1);
    expect(mirror.takeDiscarded()).toBe(3);
  });
});

function setUp(generated: readonly number[] = []) {
  const compared: [number, boolean][] = [];
  const mirror = new DraftMirror(({ id }, right) => void compared.push([id, right]));
  return { mirror, compared, tokens: new TokenList([...prompt, ...generated]) };
}

function answer(base: number, ids: readonly number[], told: Partial<Proposals> = {}): Proposals {
  const proposals = ids.map((id): Proposal => ({
    id,
    confidence: 1,
    probability: 1,
    us: 1,
    known: 4,
  }));
  const rows = ids.length;
  return {
    type: 'proposals',
    stream: 0,
    chain: 0,
    revision: 0,
    epoch: 0,
    known: 4,
    base,
    proposals,
    rows,
    reused: 0,
    ...told,
  };
}

function idsOf(mirror: DraftMirror): number[] {
  return mirror.proposals.map(({ id }) => id);
}
