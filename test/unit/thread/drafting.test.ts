import { describe, expect, it } from '@jest/globals';
import { DraftStopReason, SpeculationOffReason } from '@outrider/sdk/proto';
import { PairCalibration } from '../../../server/src/engine/pace/calibration.js';
import { type FixedPlan, type Pace } from '../../../server/src/engine/pace/pace.js';
import { type Plan, type ShadowOutcome } from '../../../server/src/engine/pace/step.js';
import { TokenList } from '../../../server/src/engine/thread/decoder.js';
import { DraftLink } from '../../../server/src/engine/thread/draft-link.js';
import { Drafting } from '../../../server/src/engine/thread/drafting.js';
import { type FromDraft, type ToDraft } from '../../../server/src/engine/thread/messages.js';
import { plainSpec } from '../sampling/plain-spec.js';

type Proposals = Extract<FromDraft, { type: 'proposals' }>;

const room = { tokens: 100, context: 100, rows: 16 };
const times = {
  tickStartUs: 0,
  decodeStartUs: 0,
  decodeEndUs: 10,
  rows: 1,
  streams: 1,
  mixed: false,
};
const plain: Plan = { kind: 'plain', parked: true };
const shadow: Plan = { kind: 'shadow', length: 4, window: 64 };
const draft: FixedPlan = { kind: 'draft', planned: 3 };

describe('the shadow draft of a stream', () => {
  it('is never verified, and is told of once with all that the text came to say', () => {
    const stream = setUp([shadow, plain, plain, plain, plain]);
    stream.ask();
    stream.receive(4, [1, 2, 3, 4], { known: 4, stopReason: DraftStopReason.MAX_LEN });
    for (const id of [1, 2, 3, 4]) {
      expect(stream.drafting.guesses).toEqual([]);
      stream.commit([id]);
      stream.ask();
    }

    expect(stream.outcomes).toMatchObject([{ agreed: 4, draft: { tokens: 4 } }]);
    expect(stream.drafting.takeDiscarded()).toBe(4);
  });

  it('is told of with what it took, though the text was there before it', () => {
    const stream = setUp([shadow, plain]);
    stream.ask();
    stream.commit([7]);
    stream.ask();
    stream.receive(4, [1, 2, 3, 4], { known: 4, stopReason: DraftStopReason.MAX_LEN });

    expect(stream.outcomes).toMatchObject([{ agreed: 0, draft: { tokens: 4 } }]);
  });

  it('is over when the stream drafts again, and its late answer is not taken for the one that is waited for', () => {
    const stream = setUp([shadow, draft]);
    stream.ask();
    stream.commit([1]);
    expect(stream.ask()).toBe(true);
    expect(stream.outcomes).toHaveLength(1);
    expect(stream.receive(4, [1, 2, 3, 4], { known: 4, stopReason: DraftStopReason.MAX_LEN })).toBe(
      true,
    );
    expect(stream.receive(8, [], { known: 5, stopReason: DraftStopReason.MAX_LEN })).toBe(false);
    expect(stream.drafting.guesses.map(({ id }) => id)).toEqual([2, 3, 4]);
    expect(stream.outcomes).toHaveLength(1);
  });
});

describe('a stream that has lost its draft', () => {
  it('plans none any more', () => {
    const stream = setUp([draft, draft]);
    expect(stream.ask()).toBe(true);
    stream.drafting.lose(SpeculationOffReason.DRAFT_FAILED, stream.tokens);
    expect(stream.drafting.stopReason).toBe(DraftStopReason.ERROR);
    stream.commit([1]);

    expect(stream.ask()).toBe(false);
    expect(stream.drafting.planned).toBe(0);
    expect(stream.drafting.stopReason).toBe(DraftStopReason.DISABLED);
  });
});

describe('a draft that runs ahead', () => {
  it('is interrupted once for what the text refutes, and not in what it does about it', () => {
    const stream = setUp([draft, draft, draft, draft], true);
    stream.ask();
    stream.receive(4, [1, 2], { known: 4, stopReason: DraftStopReason.COST });
    stream.commit([7]);
    stream.ask();
    expect(stream.aborts).toEqual([0]);
    stream.commit([8]);
    stream.ask();
    expect(stream.aborts).toEqual([0]);
  });

  it('is not interrupted for a late answer, for it has heard what refutes that', () => {
    const stream = setUp([draft, draft, draft], true);
    stream.ask();
    stream.commit([7]);
    stream.ask();
    stream.receive(4, [1, 2], { known: 4 });
    stream.commit([8]);
    stream.ask();
    expect(stream.aborts).toEqual([]);
  });
});

describe('the accounts of a step', () => {
  it('count as overlapped what was left over from the draft before', () => {
    for (const overlap of [false, true]) {
      const stream = setUp([draft, draft], overlap);
      stream.ask();
      stream.receive(4, [1, 2, 3, 4, 5], { known: 4, stopReason: DraftStopReason.MAX_LEN });
      stream.commit([1, 2, 3, 4]);
      stream.ask();
      stream.receive(9, [], { known: 8, stopReason: DraftStopReason.MAX_LEN });
      expect(stream.drafting.guesses.map(({ id }) => id)).toEqual([5]);
      expect(stream.drafting.overlapped(stream.tokens.length)).toBe(1);
    }
  });

  it('give the end of the tokens or of the context as the reason of a step without room for a draft', () => {
    const stream = setUp([{ kind: 'plain', parked: false }, plain]);
    stream.ask({ tokens: 1, context: 100, rows: 16 });
    expect(stream.drafting.stopReason).toBe(DraftStopReason.BUDGET);
    stream.ask({ tokens: 1, context: 100, rows: 16 });
    expect(stream.drafting.stopReason).toBe(DraftStopReason.PARKED);
  });
});

/** A stream whose pace is scripted, with every message in the hands of the test. */
function setUp(plans: readonly (Plan | FixedPlan)[], overlap = false) {
  const left = [...plans];
  const outcomes: ShadowOutcome[] = [];
  const pace: Pace = {
    plan: () => left.shift() ?? plain,
    value: reach => reach.length,
    choosePrefix: (acceptances, limit) => Math.min(acceptances.length, limit, 3),
    waits: () => true,
    observeStep: () => undefined,
    observeProposals: () => undefined,
    observeShadow: outcome => void outcomes.push(outcome),
  };
  const sent: ToDraft[] = [];
  const aborts: number[] = [];
  const tokens = new TokenList([9, 9, 9, 9]);
  const sampling = plainSpec({});
  const opening = {
    stream: 0,
    chain: 0,
    sampling,
    promptIds: Uint32Array.of(9, 9, 9, 9),
    vocabularySize: 10,
    minProbability: 0,
    detailed: false,
    eager: false,
    cachePrompt: false,
  };
  const link = new DraftLink(
    { send: message => void sent.push(message) },
    { abort: stream => void aborts.push(stream) },
    opening,
  );
  const speculation = {
    maxDraftTokens: 8,
    minDraftTokens: 0,
    minDraftProbability: 0,
    fixed: false,
    ngram: false,
    overlap,
  };
  const calibration = new PairCalibration().stream(0);
  const drafting = new Drafting({ speculation, sampling }, { pace, calibration }, link, []);
  return {
    drafting,
    tokens,
    outcomes,
    aborts,
    ask: (asked = room) => drafting.ask(tokens, asked),
    receive: (base: number, ids: readonly number[], told: Partial<Proposals>) =>
      drafting.receive(answerOf(base, ids, told), tokens),
    commit: (ids: readonly number[]) => {
      for (const id of ids) tokens.push(id);
      const accepted = Math.min(ids.length - 1, drafting.guesses.length);
      drafting.observe({ ids, accepted, stepUs: 10, times });
    },
  };
}

function answerOf(base: number, ids: readonly number[], told: Partial<Proposals>): Proposals {
  const known = told.known ?? base;
  return {
    type: 'proposals',
    stream: 0,
    chain: 0,
    revision: 0,
    epoch: 0,
    known,
    base,
    proposals: ids.map(id => ({ id, confidence: 1, probability: 0, us: 1, known })),
    rows: ids.length,
    reused: 0,
    ...told,
  };
}
