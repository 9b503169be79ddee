import { DraftStopReason, SpeculationOffReason } from '@outrider/sdk/proto';
import { type Copy } from '../drafts/copy.js';
import { SuffixDraft } from '../drafts/suffix-draft.js';
import { type StreamCalibration } from '../pace/calibration.js';
import { type Plan } from '../pace/step.js';
import { type DraftWork, sumOfWork } from '../pace/draft-costs.js';
import { type FixedPlan, type Pace } from '../pace/pace.js';
import { confidenceBin, reachOf } from '../pace/value.js';
import { type GenerateSpec, type SpeculationSpec } from '../protocol.js';
import { AcceptanceDice } from '../sampling/dice.js';
import { nowUs, type TickTimes, type TokenList } from './decoder.js';
import { type DraftLink } from './draft-link.js';
import { DraftMirror } from './draft-mirror.js';
import { type FromDraft, type Proposal } from './messages.js';
import { ShadowDraft } from './shadow-draft.js';
import { agreement, bestDraft, type Guess, workOf } from './step-draft.js';
import { whyNoLonger } from './stop-reason.js';

type Proposals = Extract<FromDraft, { type: 'proposals' }>;

/** How far a step may go. */
export interface StepRoom {
  /** Tokens that may still be sent before `max_tokens`. */
  readonly tokens: number;
  /** Tokens that still fit the context. */
  readonly context: number;
  /** Most rows of one pass that may ask for logits. */
  readonly rows: number;
}

/** What a stream is paced by. */
export interface StreamPace {
  readonly pace: Pace;
  readonly calibration: StreamCalibration;
}

/** How a step came out. */
export interface StepOutcome {
  /** What was committed. */
  readonly ids: readonly number[];
  /** Verified tokens that were accepted. */
  readonly accepted: number;
  readonly stepUs: number;
  readonly times: TickTimes;
}

const none: readonly Guess[] = [];
/** Tokens that a draft runs ahead while none are wanted. */
const idleAhead = 2;
const noDraft: Plan = { kind: 'plain', parked: false };
const noCopy: Copy = { ids: [], matchLength: 0 };

/** What one stream drafts: its plan, its line to the draft model, its copies from the text, and the draft of the step at hand. */
export class Drafting {
  /** Whether any source was there at the start. */
  readonly active: boolean;
  /** What accepts in place of the target; unset: nothing does. */
  readonly dice: AcceptanceDice | undefined;
  readonly #spec: SpeculationSpec;
  #pace: Pace;
  #calibration: StreamCalibration;
  readonly #suffix: SuffixDraft | undefined;
  readonly #mirror: DraftMirror;
  readonly #shadow: ShadowDraft;
  readonly #drafted: boolean;
  #link: DraftLink | undefined;
  #offered: readonly Guess[] = none;
  #passedOver: readonly Guess[] = none;
  #guesses: readonly Guess[] = none;
  #stopReason: DraftStopReason = DraftStopReason.DISABLED;
  #offReason: SpeculationOffReason | undefined;
  #plan: Plan | FixedPlan = noDraft;
  #copy = noCopy;
  #limit = 0;
  #cut: DraftStopReason = DraftStopReason.BUDGET;
  #planned = 0;
  #waiting = false;
  /** The chain has read its prompt: further answers take a few passes of the draft model. */
  #answered = false;
  #work: DraftWork | undefined;
  #atStake = 0;
  /** The last step refuted what the chain is about. */
  #refuted = false;
  #askedUs = 0;
  #chain = 0;

  /** @param eogIds ids that end the text */
  constructor(
    { speculation, sampling }: Pick<GenerateSpec, 'speculation' | 'sampling'>,
    { pace, calibration }: StreamPace,
    link: DraftLink | undefined,
    eogIds: readonly number[],
  ) {
    const { ngram, synthetic } = speculation;
    this.#spec = speculation;
    this.dice = synthetic === undefined ? undefined : new AcceptanceDice(synthetic, sampling.seed);
    this.#pace = pace;
    this.#calibration = calibration;
    this.#suffix = ngram ? new SuffixDraft(eogIds) : undefined;
    this.active = link !== undefined || ngram;
    this.#drafted = link !== undefined;
    this.#link = link;
    this.#shadow = new ShadowDraft(outcome => this.#pace.observeShadow(outcome));
    this.#mirror = new DraftMirror((proposal, right) => {
      // What dice accept says nothing of the text, nor the text of them.
      if (this.dice === undefined) this.#shadow.compare(proposal, right);
    });
  }

  /** Tokens to verify in the step at hand. */
  get guesses(): readonly Guess[] {
    return this.#guesses;
  }

  /** Compute time of the draft model's tokens at hand, in microseconds. */
  get draftUs(): number {
    return this.#guesses.reduce((us, { proposal }) => us + (proposal?.us ?? 0), 0);
  }

  /** Why the draft at hand is no longer than it is. */
  get stopReason(): DraftStopReason {
    return this.#stopReason;
  }

  /** Most tokens that were planned for the step at hand. */
  get planned(): number {
    return this.#planned;
  }

  /** Why drafting with the model ended before the stream did. */
  get offReason(): SpeculationOffReason | undefined {
    return this.#offReason;
  }

  /** Tokens at hand that the model proposed before it heard of the last commit: while a pass ran. */
  overlapped(committed: number): number {
    const old = ({ proposal }: Guess): boolean => (proposal?.known ?? committed) < committed;
    return this.#guesses.filter(old).length;
  }

  /** The draft is on its way, on a device that a pass of the target would take from it. */
  get isNear(): boolean {
    return this.#waiting && this.#answered && !this.#spec.overlap && this.#link?.shared === true;
  }

  /** Tokens drafted and never verified since the last call. */
  takeDiscarded(): number {
    return this.#mirror.takeDiscarded();
  }

  /** Plans the next step. True: it has to wait for the draft, and `receive` or `lose` will follow. */
  ask(tokens: TokenList, room: StepRoom): boolean {
    this.#offered = none;
    this.#passedOver = none;
    this.#guesses = none;
    this.#work = undefined;
    this.#planned = 0;
    // A step emits one token more than it accepts.
    const budget = Math.min(room.tokens, room.rows) - 1;
    this.#limit = Math.max(0, Math.min(budget, room.context - 1));
    this.#cut = room.context - 1 < budget ? DraftStopReason.CONTEXT : DraftStopReason.BUDGET;
    if (!this.active) return false;
    this.#learn(tokens);
    const sources = this.#link !== undefined || this.#suffix !== undefined;
    this.#plan = sources ? this.#pace.plan(this.#limit) : noDraft;
    this.#copy = this.#suffix?.propose(this.#most) ?? noCopy;
    this.#planned = this.#plan.kind === 'draft' ? this.#plan.planned : 0;
    this.#waiting = this.#request(tokens);
    return this.#decide(tokens);
  }

  /** Takes what the draft answered. True: the step at hand has to wait for more. */
  receive(answer: Proposals, tokens: TokenList): boolean {
    if (!this.isCurrent(answer.chain)) {
      this.#mirror.discard(answer.proposals.length);
      return this.#waiting;
    }
    this.#answered = true;
    if (this.#plan.kind === 'draft') this.#work = sumOfWork(this.#work, workOf(answer));
    else this.#shadow.work(workOf(answer));
    this.#mirror.receive(answer, tokens);
    if (this.#plan.kind !== 'draft') this.#roll(answer);
    // Dice have judged all of it at once.
    this.#shadow.remain(this.dice === undefined ? this.#mirror.proposals.length : 0);
    return this.#waiting && this.#decide(tokens);
  }

  /** Takes how the step at hand came out. */
  observe({ ids, accepted, stepUs, times }: StepOutcome): void {
    this.#refuted = this.#mirror.commit(ids, this.#atStake);
    this.#atStake = 0;
    if (!this.active) return;
    // A draft that dice refused is drafted anew, as one that was wrong would be.
    if (this.dice !== undefined && accepted < this.#guesses.length) {
      this.#mirror.restart();
      this.#link?.restart();
      this.#refuted = true;
    }
    const told = this.dice === undefined ? this.#offered : this.#guesses;
    this.#pace.observeStep({
      rows: times.rows,
      streams: times.streams,
      mixed: times.mixed,
      bins: told.map(({ bin }) => bin),
      verified: this.#guesses.length,
      agreed: this.dice === undefined ? agreement(told, ids) : accepted,
      emitted: ids.length,
      stepUs,
      verifyUs: times.decodeEndUs - times.decodeStartUs,
      ...(this.#work === undefined ? {} : { draft: this.#work }),
    });
    this.#pace.observeProposals({
      bins: this.#passedOver.map(({ bin }) => bin),
      agreed: agreement(this.#passedOver, ids),
      emitted: ids.length,
    });
  }

  /** Whether an answer is of the chain that drafts now. */
  isCurrent(chain: number): boolean {
    return this.#link?.chain === chain;
  }

  /**
   * Goes on with another draft model. A draft at hand is still verified. False: the stream has never drafted with one.
   * @param open makes the line to the new model for the chain of that number
   */
  move(open: (chain: number) => DraftLink, { pace, calibration }: StreamPace): boolean {
    if (!this.#drafted) return false;
    this.close();
    this.#chain++;
    this.#link = open(this.#chain);
    this.#answered = false;
    this.#pace = pace;
    this.#calibration = calibration;
    this.#offReason = undefined;
    return true;
  }

  /** Goes on without the draft model. A draft at hand is still verified; nothing is waited for any more. */
  lose(reason: SpeculationOffReason, tokens: TokenList): void {
    if (this.#link === undefined) return;
    this.close();
    this.#offReason = reason;
    if (!this.#waiting) return;
    this.#waiting = false;
    this.#decide(tokens);
    // Taken away on purpose is no fault of the draft.
    const unloaded = reason === SpeculationOffReason.DRAFT_UNLOADED;
    this.#stopReason = unloaded ? DraftStopReason.DISABLED : DraftStopReason.ERROR;
  }

  /** Ends the chain on the draft's thread; its proposals are given up. */
  close(): void {
    this.#link?.close();
    this.#link = undefined;
    this.#mirror.close(this.#atStake);
    this.#atStake = 0;
    this.#refuted = false;
    this.#shadow.abandon();
  }

  /** Accepts a shadow draft by the dice that a verified one would have met. */
  #roll({ proposals, base }: Proposals): void {
    const { dice } = this;
    if (dice === undefined) return;
    for (const [index, proposal] of proposals.entries())
      this.#shadow.compare(proposal, dice.accepts(index, base + index));
  }

  get #most(): number {
    return Math.min(this.#limit, this.#spec.maxDraftTokens);
  }

  #learn(tokens: TokenList): void {
    if (this.#suffix !== undefined) this.#suffix.extend(tokens.slice(this.#suffix.length));
  }

  /** Asks the draft model for what the plan wants of it. True: its answer is waited for. */
  #request(tokens: TokenList): boolean {
    const plan = this.#plan;
    if (this.#link === undefined) return false;
    // What it found may be verified now, and then says no more than any draft.
    if (plan.kind === 'draft') this.#shadow.abandon();
    if (this.#spec.overlap) return this.#keepRunning(this.#link, plan, tokens);
    if (plan.kind === 'plain') return false;
    if (plan.kind === 'shadow') {
      this.#shadow.begin(plan.length);
      this.#link.commit(tokens, { ahead: plan.length, window: plan.window, running: false });
      return false;
    }
    const ahead = Math.min(plan.planned, this.#limit);
    if (ahead === 0 || this.#copyBeats(plan)) return false;
    const { prices } = plan;
    const goal = prices === undefined ? { ahead } : { ahead: this.#most, prices };
    this.#askedUs = nowUs();
    this.#link.commit(tokens, { ...goal, running: false });
    return true;
  }

  /** A draft on a device of its own never rests for long: what it finds costs nothing, and tells whether it would pay. */
  #keepRunning(link: DraftLink, plan: Plan | FixedPlan, tokens: TokenList): boolean {
    if (plan.kind === 'shadow') this.#pace.observeShadow({ bins: [], agreed: 0 });
    const planned = plan.kind === 'draft' ? plan.planned : idleAhead;
    // Not later: from then on the chain goes by what it heard.
    if (this.#refuted) link.abortPass();
    this.#refuted = false;
    // Past a whole draft and the token behind it, so that the next one is there when all of it is accepted.
    link.commit(tokens, { ahead: 2 * planned + 1, running: true });
    return plan.kind === 'draft' && this.#limit > 0;
  }

  /** Whether what the text offers is worth more than what the model is expected to. */
  #copyBeats(plan: Extract<Plan | FixedPlan, { kind: 'draft' }>): boolean {
    if (plan.prices === undefined || this.#copy.ids.length === 0) return false;
    const { meanAcceptance, draft } = plan.prices;
    const expected = Array.from({ length: plan.planned }, () => meanAcceptance);
    const { best } = bestDraft(
      { model: [], copy: this.#copy, continuation: noCopy },
      this.#calibration,
      reach => this.#pace.value(reach, this.#limit),
    );
    const copied = reachOf(best.map(({ acceptance }) => acceptance));
    const modelled = this.#pace.value(reachOf(expected), this.#limit) - plan.planned * draft;
    return this.#pace.value(copied, this.#limit) > modelled;
  }

  /** Whether the step at hand waits; else its draft is made up of what there is. */
  #decide(tokens: TokenList): boolean {
    if (this.#waiting && this.#waits(tokens.length)) return true;
    const late = this.#waiting && this.#mirror.restReason(tokens.length) === undefined;
    this.#waiting = false;
    // What a draft costs in turns is how long the target stood still for it.
    if (!this.#spec.overlap && this.#work !== undefined)
      this.#work = { ...this.#work, us: nowUs() - this.#askedUs };
    const model = this.#mirror.proposals.slice(0, this.#most);
    const shadowed = this.#plan.kind === 'shadow' || this.#shadow.open;
    const usable = shadowed || this.#link === undefined ? [] : model;
    const { best, passedOver } = bestDraft(
      { model: usable, copy: this.#copy, continuation: this.#continuation(usable) },
      this.#calibration,
      reach => this.#pace.value(reach, this.#limit),
    );
    this.#offered = best;
    this.#passedOver = passedOver;
    const acceptances = best.map(({ acceptance }) => acceptance);
    const count = this.#pace.choosePrefix(acceptances, this.#limit);
    this.#guesses = this.#offered.slice(0, count);
    this.#planned = Math.max(this.#planned, count);
    this.#stopReason = whyNoLonger({
      plan: this.#plan,
      count,
      offered: best.length,
      planned: this.#planned,
      limit: this.#limit,
      cut: this.#cut,
      late,
      rest: this.#mirror.restReason(tokens.length),
      linked: this.#link !== undefined,
      copies: this.#suffix !== undefined,
    });
    if (count > 0 && count < this.#spec.minDraftTokens) {
      this.#guesses = none;
      this.#stopReason = DraftStopReason.TOO_SHORT;
    }
    this.#atStake = this.#guesses.filter(({ proposal }) => proposal !== undefined).length;
    return false;
  }

  #waits(committed: number): boolean {
    if (this.#mirror.restReason(committed) !== undefined) return false;
    const chances = this.#mirror.proposals.map(({ confidence }) =>
      this.#calibration.acceptanceOf(confidenceBin(confidence)),
    );
    return this.#pace.waits(chances, this.#limit);
  }

  #continuation(model: readonly Proposal[]): Copy {
    const room = this.#most - model.length;
    if (this.#suffix === undefined || model.length === 0 || room <= 0) return noCopy;
    const ids = model.map(({ id }) => id);
    return this.#suffix.continueAfter(ids, room);
  }
}
