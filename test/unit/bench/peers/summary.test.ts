import { describe, expect, it } from '@jest/globals';
import {
  compareWithLlamaServer,
  compareWithOwnPlain,
} from '../../../../bench/src/peers/equality.js';
import { goalsOf } from '../../../../bench/src/peers/goals.js';
import { summarise } from '../../../../bench/src/peers/summary.js';
import { sampledAcceptance, totalsOf } from '../../../../bench/src/peers/totals.js';
import { changed, measuredTurn, turnOf } from './measurements.js';

// llama-server plain, 3, 7; outrider plain, auto, 3, 7.
const CHAT = measuredTurn(turnOf(), [10, 20, 15, 10, 24, 18, 16]);
const CODE = measuredTurn(turnOf({ promptClass: 'code' }), [20, 30, 50, 20, 30, 36, 40]);
const AUTO = { server: 'same', drafting: 'auto' } as const;

describe('a summary', () => {
  it('has one group per pair and temperature', () => {
    const sampled = measuredTurn(turnOf({ temperature: 0.8 }), [1, 1, 1, 1, 1, 1, 1]);
    const other = measuredTurn(
      turnOf({ pair: { target: 'q8_0', draft: 'bad' } }),
      [1, 1, 1, 1, 1, 1, 1],
    );

    const groups = summarise([...CHAT, ...sampled, ...other, ...CODE]);

    expect(groups.map(({ pair, temperature }) => [pair.target, temperature])).toEqual([
      ['f32', 0],
      ['f32', 0.8],
      ['q8_0', 0],
    ]);
    expect(groups[0]?.settings[0]?.tokensPerSecond.count).toBe(2);
  });

  it('compares each setting with plain decoding of its own server in the same turn', () => {
    const [group] = summarise([...CHAT, ...CODE]);

    expect(group?.settings.map(({ overPlain }) => overPlain)).toEqual([
      1, 1.75, 2, 1, 1.95, 1.8, 1.8,
    ]);
  });

  it('chooses the best of llama-server by its median, and compares AUTO with it turn by turn', () => {
    const [auto] = summarise([...CHAT, ...CODE])[0]?.auto ?? [];

    expect(auto).toMatchObject({
      libraries: 'same',
      best: { server: 'llama-server', drafting: 7 },
      overBest: (24 / 15 + 30 / 50) / 2,
      overDefault: (24 / 20 + 30 / 30) / 2,
    });
    expect(auto?.overPlain).toBeCloseTo(1.95);
    expect(auto?.overPlainByClass).toEqual([
      { promptClass: 'chat', ratio: 2.4 },
      { promptClass: 'code', ratio: 1.5 },
    ]);
  });

  it('does not depend on the order within a turn', () => {
    const backwards = [...CHAT].reverse();

    expect(summarise([...backwards, ...CODE])).toEqual(summarise([...CHAT, ...CODE]));
  });

  it('counts acceptance over all texts together, not text by text', () => {
    const few = changed(CHAT, AUTO, { drafts: { drafted: 4, accepted: 4, steps: 1 } });
    const many = changed(CODE, AUTO, { drafts: { drafted: 16, accepted: 5, steps: 4 } });

    const auto = summarise([...few, ...many])[0]?.settings[4];

    expect(auto).toMatchObject({ acceptance: 9 / 20, meanAcceptanceLength: 1 + 9 / 5 });
  });

  it('has no acceptance where nothing was drafted', () => {
    const plain = summarise(CHAT)[0]?.settings[0];

    expect(plain).toMatchObject({ acceptance: undefined, meanAcceptanceLength: undefined });
  });

  it('takes quantiles over all pauses of a setting', () => {
    const bursts = changed(CHAT, AUTO, { gapsMs: [0, 0, 0, 90] });
    const evenly = changed(CODE, AUTO, { gapsMs: [10, 10, 10] });

    const auto = summarise([...bursts, ...evenly])[0]?.settings[4];

    expect(auto).toMatchObject({ gapP50Ms: 10 });
    expect(auto?.gapP95Ms).toBeCloseTo(66);
  });
});

describe('totals', () => {
  it('are geometric means, and the worst places', () => {
    const groups = summarise([
      ...CHAT,
      ...measuredTurn(turnOf({ temperature: 0.8 }), [10, 8, 5, 10, 9, 8, 5]),
    ]);

    const [totals] = totalsOf(groups);

    expect(totals?.overBest).toBeCloseTo(Math.sqrt(1.2 * 0.9));
    expect(totals?.overDefault).toBeCloseTo(Math.sqrt(1.2 * (9 / 8)));
    expect(totals?.worstOverPlain).toEqual({ ratio: 0.9, where: 'f32-good at 0.8, chat' });
    expect(totals?.worstOverBest).toEqual({ ratio: 0.9, where: 'f32-good at 0.8' });
  });

  it('name the slowest first token', () => {
    const slow = changed(CHAT, AUTO, { firstTokenMs: 130 });

    expect(totalsOf(summarise(slow))[0]?.worstFirstToken).toEqual({
      ratio: 1.3,
      where: 'f32-good at 0',
    });
  });
});

describe('the acceptance of sampled text', () => {
  it('is that of good drafts of three above temperature 0', () => {
    const turn = measuredTurn(turnOf({ temperature: 0.8 }), [1, 1, 1, 1, 1, 1, 1]);
    const ours = changed(
      turn,
      { server: 'same', drafting: 3 },
      { drafts: { drafted: 30, accepted: 24, steps: 10 } },
    );
    const both = changed(
      ours,
      { server: 'llama-server', drafting: 3 },
      { drafts: { drafted: 30, accepted: 9, steps: 10 } },
    );

    expect(sampledAcceptance([...CHAT, ...both])).toEqual([
      { libraries: 'same', ours: 0.8, theirs: 0.3 },
    ]);
    expect(sampledAcceptance(CHAT)).toEqual([]);
  });
});

describe('a goal', () => {
  it('is met or not by what was measured', () => {
    const totals = totalsOf(summarise(CHAT));

    const goals = goalsOf(totals, [{ libraries: 'same', ours: 0.34, theirs: 0.3 }]);

    expect(goals.map(({ measured, met }) => [measured, met])).toEqual([
      ['2.400 (f32-good at 0, chat)', true],
      ['1.200 (f32-good at 0)', true],
      ['1.200', true],
      ['1.200', false],
      ['1.000 (f32-good at 0)', true],
      ['4.0 (34.0 and 30.0)', false],
    ]);
  });
});

describe('texts', () => {
  it('of drafting settings are compared with plain ones of the same server', () => {
    const one = changed(CHAT, AUTO, { text: 'onse' });

    expect(compareWithOwnPlain([...one, ...CODE])).toMatchObject([
      {
        setting: AUTO,
        reference: { server: 'same', drafting: 'plain' },
        texts: 2,
        equal: 1,
        partings: ['f32-good, chat 0: at character 2'],
      },
      { setting: { drafting: 3 }, texts: 2, equal: 2, partings: [] },
      { setting: { drafting: 7 }, texts: 2, equal: 2, partings: [] },
    ]);
  });

  it('of plain decoding are compared with those of llama-server', () => {
    const one = changed(CHAT, { server: 'llama-server', drafting: 'plain' }, { text: 'twice' });

    expect(compareWithLlamaServer(one)).toMatchObject([
      { setting: { server: 'same', drafting: 'plain' }, texts: 1, equal: 0 },
    ]);
  });

  it('that are sampled or of other targets are not compared', () => {
    const sampled = measuredTurn(turnOf({ temperature: 0.8 }), []);
    const half = measuredTurn(turnOf({ pair: { target: 'bf16', draft: 'good' } }), []);

    expect(compareWithOwnPlain([...sampled, ...half])).toEqual([]);
  });
});
