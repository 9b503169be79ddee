import { DraftSource, type SourceStats } from '@outrider/sdk/proto';
import { type Copy } from '../drafts/copy.js';
import { merge } from '../drafts/merge.js';
import { ngramBin, type StreamCalibration } from '../pace/calibration.js';
import { confidenceBin } from '../pace/value.js';
import { type Proposal } from './messages.js';

/** One token to verify. */
export interface Guess {
  readonly id: number;
  readonly source: DraftSource;
  /** For the calibration: of confidence, or of match length and depth. */
  readonly bin: number;
  /** Calibrated chance that it is accepted when all before it are. */
  readonly acceptance: number;
  /** The source's own probability; of a copy the calibrated chance. */
  readonly probability: number;
  /** The model's proposal; unset for a copy. */
  readonly proposal?: Proposal;
}

/** What the sources have to offer for a step. */
export interface Offers {
  readonly model: readonly Proposal[];
  /** From the text alone. */
  readonly copy: Copy;
  /** From the text, behind the model's tokens. */
  readonly continuation: Copy;
}

/** What came of the offers. */
export interface Choice {
  /** The draft worth most, whole: how much of it is verified is the pace's to choose. */
  readonly best: readonly Guess[];
  /** What the other source offered; it can be compared with the text as well. */
  readonly passedOver: readonly Guess[];
}

const none: readonly Guess[] = [];

/** Chooses among the offers of the sources, or joins them. */
export function bestDraft(
  { model, copy, continuation }: Offers,
  calibration: StreamCalibration,
  value: (reach: readonly number[]) => number,
): Choice {
  const modelled = model.map(proposal => guessOf(proposal, calibration));
  if (copy.ids.length === 0 && continuation.ids.length === 0)
    return { best: modelled, passedOver: none };
  const copied = copiesOf(copy, calibration);
  const continued = copiesOf(continuation, calibration);
  const merged = merge(
    { model: draftOf(modelled), copy: draftOf(copied), continuation: draftOf(continued) },
    value,
  );
  const isCopy =
    merged.ids.length === copied.length && copied.every(({ id }, i) => id === merged.ids[i]);
  const behind = isCopy ? copied : [...modelled, ...continued];
  const best = merged.sources.flatMap((source, i) => {
    const guess = source === DraftSource.DRAFT_MODEL ? modelled[i] : behind[i];
    return guess === undefined ? [] : [{ ...guess, acceptance: merged.acceptances[i] ?? 0 }];
  });
  return { best, passedOver: isCopy ? modelled : copied };
}

/** Source of a whole draft. */
export function sourceOf(guesses: readonly Guess[]): DraftSource {
  const first = guesses[0]?.source ?? DraftSource.UNSPECIFIED;
  return guesses.every(({ source }) => source === first) ? first : DraftSource.MIXED;
}

/** How many tokens came from each source, and how many of these were accepted. */
export function countSources(guesses: readonly Guess[], accepted: number): SourceStats[] {
  const counts = new Map<DraftSource, SourceStats>();
  for (const [index, { source }] of guesses.entries()) {
    const count = counts.get(source) ?? { source, numDraftTokens: 0, numAcceptedDraftTokens: 0 };
    count.numDraftTokens++;
    if (index < accepted) count.numAcceptedDraftTokens++;
    counts.set(source, count);
  }
  return [...counts.values()];
}

function guessOf(proposal: Proposal, calibration: StreamCalibration): Guess {
  const bin = confidenceBin(proposal.confidence);
  return {
    id: proposal.id,
    source: DraftSource.DRAFT_MODEL,
    bin,
    acceptance: calibration.acceptanceOf(bin),
    probability: proposal.probability,
    proposal,
  };
}

function copiesOf({ ids, matchLength }: Copy, calibration: StreamCalibration): Guess[] {
  return ids.map((id, index) => {
    const bin = ngramBin(matchLength, index + 1);
    const acceptance = calibration.acceptanceOf(bin);
    return { id, source: DraftSource.NGRAM, bin, acceptance, probability: acceptance };
  });
}

function draftOf(guesses: readonly Guess[]): { ids: number[]; acceptances: number[] } {
  return {
    ids: guesses.map(({ id }) => id),
    acceptances: guesses.map(({ acceptance }) => acceptance),
  };
}

/** How many leading guesses are what was committed. */
export function agreement(guesses: readonly Guess[], ids: readonly number[]): number {
  let agreed = 0;
  while (agreed < ids.length && guesses[agreed]?.id === ids[agreed]) agreed++;
  return agreed;
}
