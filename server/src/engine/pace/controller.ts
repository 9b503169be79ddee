import { type DraftCosts } from './draft-costs.js';
import { LossLedger } from './ledger.js';
import { learnCosts, learnOutcomes } from './learning.js';
import { askValue, expectedRate, type PaceSetup, pricesAt } from './pricing.js';
import { Probes } from './probes.js';
import { type PacedStep, type Plan, type ShadowOutcome } from './step.js';
import { bestPlan, bestVerify, prefixValue, type Prices, reachOf } from './value.js';

/** Prices are estimates, and the best of several estimates is too good: what pays must pay by this much. */
const riskPremium = 1.08;
const rateDecay = 1 - 1 / 32;
const firstRatePasses = 8;
const zeroTokensToPark = 8;
const leastSpeedup = 1.03;
const shadowLength = 4;
const shadowWindow = 64;
/** Enough of the text to see whether an unknown draft is of any use. */
const firstWindow = 16;
const surprise = 0.05;
/** A pass that is interrupted says nothing of speculation, which a plain one would have been as well. */
const longestStep = 1.5;
/** A parked stream judges its draft anew after so many tokens: doing so costs a per cent of a short pass. */
const judgeEvery = 8;

/**
 * How far one stream drafts, so that it is never slower than without and as fast as may be: each choice is made for the
 * tokens it should give less what its time is worth at the stream's rate. Calls per step: `plan`, `choosePrefix` for
 * what was proposed, `observeStep`. Knows neither clock nor tokens.
 */
export class PaceController {
  readonly #setup: PaceSetup;
  readonly #ledger: LossLedger;
  readonly #probes: Probes;
  /** Of the last passes, older ones counting less: tokens, and this stream's part of the time. */
  #tokens = 0;
  #us = 0;
  #streams = 1;
  #otherRows = 0;
  #parked = false;
  /** Tokens since a parked stream last judged its draft. */
  #unjudged = 0;
  #shadowing = false;
  /** The last step took far longer than such steps do. */
  #slow = false;
  #unread = shadowWindow;
  #zeroTokens = 0;
  #verifyNothing = false;
  #planned = 0;
  /** Of the step at hand. */
  #prices: Prices | undefined;
  /** Tokens that the verified draft should win. */
  #expected = 0;

  constructor(setup: PaceSetup) {
    this.#setup = setup;
    this.#ledger = new LossLedger(setup.calibration.losses);
    this.#probes = new Probes(setup.calibration.budget);
  }

  /**
   * Plans the next step.
   * @param limit most tokens that it may verify, by what is left of max_tokens, context and batch
   */
  plan(limit: number): Plan {
    const { costs, draftCosts, calibration } = this.#setup;
    const most = this.#most(limit);
    const off = this.#ledger.off;
    this.#planned = 0;
    this.#expected = 0;
    this.#prices = undefined;
    this.#verifyNothing = off || !costs.known || (costs.plainDue && this.#streams === 1);
    if (this.#verifyNothing || draftCosts === undefined || most === 0)
      return { kind: 'plain', parked: off };
    if (this.#parked && !this.#paysAgain(most)) return this.#probe(draftCosts);
    if (this.#parked) this.#unpark();
    const prices = this.prices(most);
    if (askValue(this.#setup, prices, this.rate) <= 0)
      return calibration.unknown ? this.#probe(draftCosts) : { kind: 'plain', parked: false };
    const planned = Math.max(1, bestPlan([], prices, most));
    this.#planned = planned;
    return { kind: 'draft', planned, prices };
  }

  /** Prices of the step at hand, for any draft of at most `limit` tokens. */
  prices(limit: number): Prices {
    const most = this.#most(limit);
    if (this.#prices?.verify.length !== most + 1)
      this.#prices = pricesAt(this.#setup, riskPremium * this.rate, this.#otherRows, most);
    return this.#prices;
  }

  /**
   * How many of the proposed tokens to verify.
   * @param acceptances calibrated chance of each, whatever its source
   */
  choosePrefix(acceptances: readonly number[], limit: number): number {
    const most = this.#most(limit);
    if (this.#verifyNothing || most === 0) return 0;
    const reach = reachOf(acceptances.slice(0, most));
    const verified = bestVerify(reach, this.prices(most));
    this.#expected = reach.slice(0, verified).reduce((sum, chance) => sum + chance, 0);
    return verified;
  }

  /** A draft that takes turns with its target is always waited for. */
  waits(): boolean {
    return true;
  }

  /** Worth of the best prefix of a draft, by the chance of each prefix. */
  value(reach: readonly number[], limit: number): number {
    return prefixValue(reach, this.prices(limit));
  }

  /** Takes what the step at hand turned out to be. */
  observeStep(step: PacedStep): void {
    const { costs, draftCosts } = this.#setup;
    const plainUs = this.#plainUs(step.streams);
    // Catching up is paid once, whatever is drafted afterwards; counted here, the first step would look like a loss.
    const readUs = draftCosts?.readUs(step.draft, costs.plainUs) ?? 0;
    const busyUs = Math.max(step.stepUs - readUs, Math.min(step.stepUs, step.verifyUs));
    const stepUs = this.#uninterruptedUs(busyUs, step);
    this.observeProposals(step);
    if (step.draft !== undefined) draftCosts?.observe(step.draft);
    // A shadow draft at work may slow the pass down, or keep it waiting.
    if (!this.#shadowing) learnCosts(this.#setup, step);
    this.#unread = step.draft === undefined ? this.#unread + step.emitted : 0;
    this.#probes.advance(step.emitted, step.stepUs / step.streams, costs.plainUs, this.#parked);
    if (!step.mixed) {
      this.#streams = step.streams;
      this.#otherRows = step.rows - 1 - step.verified;
      this.#tokens = this.#tokens * rateDecay + step.emitted;
      const ownUs = stepUs / step.streams;
      this.#us = this.#us * rateDecay + ownUs;
      const plain = step.draft === undefined && step.verified === 0 && !this.#shadowing;
      const loss = plain ? 0 : lossUs({ ...step, stepUs }, this.#expected, plainUs);
      this.#ledger.add({ stepUs: ownUs, lossUs: loss, emitted: step.emitted }, plainUs);
    }
    this.#unjudged += step.emitted;
    this.#zeroTokens =
      this.#planned > 0 || this.#verifyNothing ? 0 : this.#zeroTokens + step.emitted;
    if (this.#zeroTokens >= zeroTokensToPark && this.#setup.draftCosts !== undefined)
      this.#parked = true;
  }

  /** Takes what the text came to say to a shadow draft; no bins: it could not be made or compared. */
  observeShadow({ bins, agreed, draft }: ShadowOutcome): void {
    const { calibration, draftCosts } = this.#setup;
    this.#shadowing = false;
    if (draft !== undefined) draftCosts?.observe(draft);
    const allRight = bins.length > 0 && agreed === bins.length;
    const chance = reachOf(bins.map(bin => calibration.acceptanceOf(bin))).at(-1) ?? 1;
    if (allRight && chance < surprise) calibration.doubt();
    this.observeProposals({ bins, agreed, emitted: bins.length });
    this.#unjudged = judgeEvery;
    this.#probes.end(allRight);
  }

  /**
   * Takes what became of proposals: of the step's by `observeStep`, of a source that another was preferred to from here.
   */
  observeProposals(told: Pick<PacedStep, 'bins' | 'agreed' | 'emitted'>): void {
    learnOutcomes(this.#setup.calibration, told);
  }

  #most(limit: number): number {
    return Math.max(0, Math.min(limit, this.#setup.maxDraftTokens));
  }

  #probe(draftCosts: DraftCosts): Plan {
    const { plainUs } = this.#setup.costs;
    const { unknown } = this.#setup.calibration;
    const window = unknown ? firstWindow : shadowWindow;
    const rows = Math.min(window, this.#unread);
    const costUs = rows * draftCosts.feedUs(plainUs) + shadowLength * draftCosts.stepUs(plainUs);
    const due = this.#probes.due(costUs, plainUs, unknown);
    if (this.#shadowing || !due) return { kind: 'plain', parked: this.#parked };
    this.#probes.begin(costUs, plainUs);
    this.#shadowing = true;
    this.#unread = 0;
    return { kind: 'shadow', length: shadowLength, window };
  }

  #unpark(): void {
    this.#parked = false;
    this.#zeroTokens = 0;
    this.#probes.reset();
  }

  #paysAgain(most: number): boolean {
    if (this.#unjudged < judgeEvery) return false;
    this.#unjudged = 0;
    return this.#pays(most);
  }

  /** Whether drafting should be faster than not by enough to take it up again. */
  #pays(most: number): boolean {
    const rate = leastSpeedup * riskPremium * this.#plainRate();
    const prices = pricesAt(this.#setup, rate, this.#otherRows, most);
    return askValue(this.#setup, prices, rate) > leastSpeedup - 1;
  }

  /** Tokens of all streams of the pass per microsecond, judged by this one. */
  get rate(): number {
    const plainRate = this.#plainRate();
    if (this.#us === 0) {
      this.#us = firstRatePasses / plainRate;
      this.#tokens = this.#us * expectedRate(this.#setup, plainRate);
    }
    return Math.max(plainRate, this.#tokens / this.#us);
  }

  #plainRate(): number {
    return this.#streams / this.#plainUs(this.#streams);
  }

  #plainUs(streams: number): number {
    const { costs } = this.#setup;
    return costs.passUs(streams) + (costs.overheadUs ?? 0);
  }

  /** A step's time; no more than it usually takes and half as much again, unless the step before was as slow. */
  #uninterruptedUs(stepUs: number, { rows, draft }: PacedStep): number {
    const { costs, draftCosts } = this.#setup;
    if (!costs.known) return stepUs;
    const passUs = costs.passUs(rows) + (costs.overheadUs ?? 0);
    const draftUs =
      draft === undefined ? 0 : draft.tokens * (draftCosts?.stepUs(costs.plainUs) ?? 0);
    const mostUs = longestStep * (passUs + draftUs + (draftCosts?.askUs ?? 0));
    const interrupted = stepUs > mostUs && !this.#slow;
    this.#slow = stepUs > mostUs;
    return interrupted ? mostUs : stepUs;
  }
}

/**
 * How much longer a step took than plain steps for the same tokens; a longer pass is shared out by drafted rows. Half of
 * the tokens are counted as they were expected: a few unlucky steps at the start of a stream are no sign of a loss.
 */
function lossUs(step: PacedStep, expected: number, plainUs: number): number {
  const { rows, streams, verified, emitted, stepUs } = step;
  const drafted = rows - streams;
  const share = streams === 1 ? 1 : drafted > 0 ? verified / drafted : 1 / streams;
  const won = (emitted - 1 + expected) / 2;
  return share * (stepUs - plainUs) - (won * plainUs) / streams;
}
