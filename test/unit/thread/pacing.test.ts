import { describe, expect, it } from '@jest/globals';
import { type PacedStep } from '../../../server/src/engine/pace/step.js';
import { Pacing } from '../../../server/src/engine/thread/pacing.js';
import { easy, specOf } from '../../support/table-streams.js';

const draft = { peer: 'draft', disjoint: false, stepUs: 100 };
const costs = [1, 4, 8].map(rows => ({ rows, durationUs: 1000 * rows }));

describe('what a target has learned of a draft', () => {
  it('comes from streams of fixed length as well, and serves those that choose for themselves', () => {
    const pacing = new Pacing(costs, 16);
    const before = planOfNewStream(pacing);
    const { pace } = pacing.stream(specOf(1, { ...easy, fixed: true }), draft);

    for (let step = 0; step < 40; step++) pace.observeStep(accepted(3));

    expect(before.kind).not.toBe('draft');
    expect(planOfNewStream(pacing)).toMatchObject({ kind: 'draft' });
  });

  it('is the worth of its tokens alone where a fixed stream drafts while the target verifies', () => {
    const pacing = new Pacing(costs, 16);
    const spec = specOf(1, { ...easy, fixed: true, overlap: true });
    const { pace } = pacing.stream(spec, draft);
    const step = accepted(3);

    for (let i = 0; i < 40; i++)
      pace.observeStep({ ...step, draft: { us: 9e6, tokens: 3, rows: 3 } });

    // Nine seconds for three tokens would never pay.
    expect(planOfNewStream(pacing)).toMatchObject({ kind: 'draft' });
  });
});

function planOfNewStream(pacing: Pacing) {
  const { pace } = pacing.stream(specOf(2, { ...easy, fixed: false }), draft);
  return pace.plan(8);
}

/** A step whose drafted tokens were all right, in a pass that is as fast as a plain one. */
function accepted(tokens: number): PacedStep {
  return {
    rows: tokens + 1,
    streams: 1,
    mixed: false,
    bins: new Array<number>(tokens).fill(7),
    verified: tokens,
    emitted: tokens + 1,
    agreed: tokens,
    stepUs: 1400,
    verifyUs: 1100,
    draft: { us: 300, tokens, rows: tokens },
  };
}
