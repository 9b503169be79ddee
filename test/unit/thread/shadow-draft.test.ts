import { describe, expect, it } from '@jest/globals';
import { type ShadowOutcome } from '../../../server/src/engine/pace/step.js';
import { type Proposal } from '../../../server/src/engine/thread/messages.js';
import { ShadowDraft } from '../../../server/src/engine/thread/shadow-draft.js';

const proposal: Proposal = { id: 1, confidence: 1, probability: 0, us: 5, known: 4 };
const work = (tokens: number) => ({ us: 5, tokens, rows: tokens });

describe('a shadow draft', () => {
  it('ends at the token that the text refutes', () => {
    const { shadow, outcomes } = setUp();
    shadow.begin(4);
    shadow.work(work(4));
    shadow.remain(4);
    shadow.compare(proposal, true);
    expect(outcomes).toEqual([]);
    shadow.compare(proposal, false);
    shadow.compare(proposal, true);
    expect(outcomes).toMatchObject([{ agreed: 1, bins: [8, 8], draft: work(4) }]);
  });

  it('ends with the last token that was drafted for it', () => {
    const { shadow, outcomes } = setUp();
    shadow.begin(4);
    shadow.work(work(1));
    shadow.remain(2);
    shadow.compare(proposal, true);
    shadow.compare(proposal, true);
    expect(outcomes).toMatchObject([{ agreed: 2 }]);
  });

  it('ends with an answer that leaves nothing to compare, though more was compared than that answer held', () => {
    const { shadow, outcomes } = setUp();
    shadow.begin(4);
    shadow.compare(proposal, true);
    shadow.compare(proposal, true);
    shadow.work(work(1));
    shadow.remain(0);
    expect(outcomes).toMatchObject([{ agreed: 2, draft: work(1) }]);
  });

  it('is over when it is abandoned, and only then', () => {
    const { shadow, outcomes } = setUp();
    shadow.abandon();
    expect(outcomes).toEqual([]);
    shadow.begin(4);
    shadow.compare(proposal, true);
    shadow.abandon();
    shadow.abandon();
    expect(outcomes).toMatchObject([{ agreed: 1 }]);
  });
});

function setUp() {
  const outcomes: ShadowOutcome[] = [];
  return { outcomes, shadow: new ShadowDraft(outcome => void outcomes.push(outcome)) };
}
