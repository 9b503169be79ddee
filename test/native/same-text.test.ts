import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { type EngineClient } from '../../server/src/engine/client.js';
import { type SpeculationSpec } from '../../server/src/engine/protocol.js';
import {
  drafting,
  greedy,
  heldOutPrompts,
  say,
  startPair,
  undrafted,
} from '../support/native-engine.js';

const ways: Readonly<Record<string, SpeculationSpec>> = {
  'four drafted tokens': drafting(4),
  'eight tokens of the draft or the text': { ...drafting(8), ngram: true },
  'as many as pay': { ...drafting(16), fixed: false, ngram: true },
  'as many as pay, from the text alone': {
    ...undrafted,
    maxDraftTokens: 16,
    fixed: false,
    ngram: true,
  },
  'a draft that runs ahead': { ...drafting(3), overlap: true },
  'a draft that runs as far ahead as pays': { ...drafting(16), fixed: false, overlap: true },
};

describe('the embedded pair', () => {
  let engine: EngineClient;

  beforeAll(async () => {
    // Calibrated, so that the pace has costs to go by from the first stream on.
    engine = await startPair({ calibrate: true });
  }, 60_000);

  afterAll(() => engine.close());

  it('has 50 held-out prompts', () => {
    expect(heldOutPrompts).toHaveLength(50);
  });

  it.each([0, 0.7, 1, 1.3])(
    'says the same to each of them at temperature %d, however it speculates',
    async temperature => {
      const accepted = new Map<string, number>();
      for (const [index, prompt] of heldOutPrompts.entries()) {
        const sampling = { ...greedy, temperature, seed: 1000 + index };
        const plain = await say(engine, prompt, { sampling });
        for (const [way, speculation] of Object.entries(ways)) {
          const said = await say(engine, prompt, { sampling, speculation });
          expect({ way, prompt, ids: said.ids, text: said.text }).toEqual({
            way,
            prompt,
            ids: plain.ids,
            text: plain.text,
          });
          const more = said.completion.speculation.numAcceptedDraftTokens;
          accepted.set(way, (accepted.get(way) ?? 0) + more);
        }
      }
      // Were nothing ever accepted, equality would show nothing.
      for (const way of ['four drafted tokens', 'a draft that runs ahead'])
        expect(accepted.get(way)).toBeGreaterThan(100);
    },
    180_000,
  );
});
