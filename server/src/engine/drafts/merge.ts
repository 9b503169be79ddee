import { DraftSource } from '@outrider/sdk/proto';

/** Proposed tokens and how likely they are to hold. */
export interface Draft {
  readonly ids: readonly number[];
  /** Of each token: calibrated probability, 0 to 1, that it is accepted if all before it are. */
  readonly acceptances: readonly number[];
}

/** What the sources propose behind the same committed text. */
export interface Proposals {
  /** Of the draft model; empty where there is none, or none in time. */
  readonly model: Draft;
  /** Of the n-grams; empty where nothing repeats. */
  readonly copy: Draft;
  /** Of the n-grams, what follows the model's proposals. @default empty */
  readonly continuation?: Draft;
}

/** The draft to verify. */
export interface MergedDraft extends Draft {
  /** Of each token: DRAFT_MODEL or NGRAM; DRAFT_MODEL where both propose it. */
  readonly sources: readonly DraftSource[];
  /** Of each token: probability that it and all before it are accepted. */
  readonly reach: readonly number[];
  /** Of its best prefix. */
  readonly value: number;
}

const empty: Draft = { ids: [], acceptances: [] };

/**
 * Chooses the draft whose best prefix is worth most: the model's, the copy, or the model's with the continuation behind
 * it. As far as copy and model agree from the start they are one, with the larger of their two acceptances; so where
 * the copy begins with all of the model's proposals, its remainder is appended to them. Of equal values the first in
 * this order is taken.
 * @param value worth of the best prefix of a draft, given its `reach`; must not fall when a probability rises or the
 *   draft gets longer. Then the value of the result is at least that of each proposal
 * @throws RangeError where a draft has not one acceptance per token
 */
export function merge(
  { model, copy, continuation = empty }: Proposals,
  value: (reach: readonly number[]) => number,
): MergedDraft {
  for (const draft of [model, copy, continuation]) check(draft);
  const shared = sharedLength(model.ids, copy.ids);
  const both = model.acceptances
    .slice(0, shared)
    .map((acceptance, i) => Math.max(acceptance, copy.acceptances[i] ?? 0));
  const byModel: Draft = {
    ids: model.ids,
    acceptances: [...both, ...model.acceptances.slice(shared)],
  };
  const byCopy: Draft = {
    ids: copy.ids,
    acceptances: [...both, ...copy.acceptances.slice(shared)],
  };

  let best = valued(byModel, model.ids.length, value);
  const others = [valued(byCopy, shared, value)];
  if (continuation.ids.length > 0)
    others.push(valued(joined(byModel, continuation), model.ids.length, value));
  for (const other of others) if (other.value > best.value) best = other;
  return best;
}

function check({ ids, acceptances }: Draft): void {
  if (ids.length !== acceptances.length)
    throw new RangeError(`a draft of ${ids.length} tokens has ${acceptances.length} acceptances`);
}

function sharedLength(a: readonly number[], b: readonly number[]): number {
  let shared = 0;
  while (shared < a.length && shared < b.length && a[shared] === b[shared]) shared++;
  return shared;
}

function joined(first: Draft, second: Draft): Draft {
  return {
    ids: [...first.ids, ...second.ids],
    acceptances: [...first.acceptances, ...second.acceptances],
  };
}

/** @param ofModel tokens at the start that the model proposes */
function valued(
  draft: Draft,
  ofModel: number,
  value: (reach: readonly number[]) => number,
): MergedDraft {
  let product = 1;
  const reach = draft.acceptances.map(acceptance => (product *= acceptance));
  const sources = draft.ids.map((_, i) =>
    i < ofModel ? DraftSource.DRAFT_MODEL : DraftSource.NGRAM,
  );
  return { ...draft, sources, reach, value: value(reach) };
}
