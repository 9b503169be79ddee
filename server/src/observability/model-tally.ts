import { type StepStats } from '@outrider/sdk/proto';
import { TimeBuckets } from './time-buckets.js';

/** What the streams of one model have done since the server began: plain numbers, cheap to count. */
export class ModelTally {
  promptTokens = 0;
  cachedPromptTokens = 0;
  generatedTokens = 0;
  steps = 0;
  /** Steps that verified at least one drafted token. */
  drafts = 0;
  draftTokens = 0;
  acceptedTokens = 0;
  discardedTokens = 0;
  /** Drafted tokens by their position in the draft, from 0. */
  readonly draftedAt: number[] = [];
  /** Accepted tokens likewise. */
  readonly acceptedAt: number[] = [];
  readonly stepTimes = new TimeBuckets();
  readonly verifyTimes = new TimeBuckets();
  /** Of steps whose draft took any time. */
  readonly draftTimes = new TimeBuckets();
  readonly idleTimes = new TimeBuckets();
  readonly overheadTimes = new TimeBuckets();

  step(stats: StepStats): void {
    const { numDraftTokens, numAcceptedDraftTokens } = stats;
    this.steps++;
    if (numDraftTokens > 0) this.drafts++;
    this.draftTokens += numDraftTokens;
    this.acceptedTokens += numAcceptedDraftTokens;
    this.discardedTokens += stats.numDiscardedDraftTokens;
    countPositions(this.draftedAt, numDraftTokens);
    countPositions(this.acceptedAt, numAcceptedDraftTokens);
    this.stepTimes.observe(stats.stepUs);
    this.verifyTimes.observe(stats.verifyUs);
    this.idleTimes.observe(stats.idleUs);
    this.overheadTimes.observe(stats.overheadUs);
    if (stats.draftUs > 0) this.draftTimes.observe(stats.draftUs);
  }
}

function countPositions(counts: number[], length: number): void {
  for (let position = 0; position < length; position++) {
    counts[position] = (counts[position] ?? 0) + 1;
  }
}
