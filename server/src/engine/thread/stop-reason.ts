import { DraftStopReason } from '@outrider/sdk/proto';
import { type FixedPlan } from '../pace/pace.js';
import { type Plan } from '../pace/step.js';

/** How the draft of a step came about. */
export interface DraftEnd {
  readonly plan: Plan | FixedPlan;
  /** Tokens to verify. */
  readonly count: number;
  /** Tokens that the sources had. */
  readonly offered: number;
  readonly planned: number;
  /** Tokens that the step had room for, and the reason if that was too little. */
  readonly limit: number;
  readonly cut: DraftStopReason;
  /** The draft was not waited for any longer. */
  readonly late: boolean;
  /** Why the draft proposes no more; unset: it does. */
  readonly rest: DraftStopReason | undefined;
  /** There is a draft model. */
  readonly linked: boolean;
  /** Copies from the text are allowed. */
  readonly copies: boolean;
}

/** Why the draft of a step is no longer than it is. */
export function whyNoLonger(end: DraftEnd): DraftStopReason {
  const { plan, count, offered, planned, limit, cut, late, rest, linked } = end;
  if (plan.kind !== 'draft' && count === 0) return idle(end);
  if (count >= planned) return DraftStopReason.MAX_LEN;
  if (count >= limit) return cut;
  if (count < offered) return DraftStopReason.COST;
  if (!linked) return withoutModel(end);
  if (late) return DraftStopReason.LATE;
  // A draft that went as far as it was asked to stopped for the reason why it was not asked for more.
  return rest === DraftStopReason.MAX_LEN ? cut : (rest ?? DraftStopReason.COST);
}

function idle({ plan, linked, offered, copies }: DraftEnd): DraftStopReason {
  if (!linked) return offered > 0 ? DraftStopReason.COST : withoutModel({ copies });
  const parked = plan.kind === 'shadow' || (plan.kind === 'plain' && plan.parked);
  return parked ? DraftStopReason.PARKED : DraftStopReason.COST;
}

function withoutModel({ copies }: Pick<DraftEnd, 'copies'>): DraftStopReason {
  return copies ? DraftStopReason.NO_MATCH : DraftStopReason.DISABLED;
}
