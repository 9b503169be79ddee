import {
  ngramBin,
  PairCalibration,
  type StreamCalibration,
} from '../../../server/src/engine/pace/calibration.js';
import { PaceController } from '../../../server/src/engine/pace/controller.js';
import { CostTable, type PassCost } from '../../../server/src/engine/pace/cost-table.js';
import { DraftCosts } from '../../../server/src/engine/pace/draft-costs.js';
import { type PacedStep } from '../../../server/src/engine/pace/step.js';
import { bestPlan, confidenceBin, type Prices } from '../../../server/src/engine/pace/value.js';

const EASY = 0.96;
const HARD = 0.12;
const rowCounts = [1, 2, 3, 4, 5, 6, 8, 12, 16];

/** Measured pass times of a 95 M-parameter model, in milliseconds, at 1, 2, 3, 4, 5, 6, 8, 12 and 16 rows. */
export const TABLES = {
  'f32, 1': [23.7, 37.9, 40.4, 42.7, 49.4, 65.8, 67.2, 76.4, 96.8],
  'bf16, 1': [11.3, 25.4, 26.7, 28.9, 34.8, 33.4, 43.0, 61.0, 64.8],
  'q8_0, 1': [6.6, 18.6, 23.1, 24.9, 34.2, 37.0, 35.8, 56.3, 84.7],
  'q4_0, 1': [4.0, 7.7, 11.8, 16.6, 23.1, 27.9, 32.1, 44.1, 56.6],
  'f32, 2': [17.4, 21.0, 23.0, 24.6, 25.6, 28.6, 34.2, 39.4, 51.3],
  'bf16, 2': [9.3, 15.7, 18.1, 19.3, 23.9, 26.6, 27.4, 34.0, 46.9],
  'q8_0, 2': [11.4, 18.0, 14.5, 16.5, 19.7, 22.0, 25.8, 34.0, 45.1],
  'q4_0, 2': [6.5, 10.3, 9.2, 10.7, 13.5, 17.7, 21.3, 32.3, 31.0],
} as const;

/** A row of the table as passes measured at load. */
export function passCosts(name: keyof typeof TABLES): PassCost[] {
  return TABLES[name].map((ms, i) => ({ rows: rowCounts[i] ?? 0, durationUs: ms * 1000 }));
}

/** At each index of a text: whether the draft would be right there, and how sure it would be. */
export interface Text {
  readonly right: readonly boolean[];
  readonly confidence: readonly number[];
}

/** Evenly spread numbers from 0 to 1, the same for the same seed (mulberry32). */
export function seeded(seed: number): () => number {
  let state = seed | 0;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
}

/**
 * A text of easy and hard passages, each about three tokens long or as long as the mean wants. The draft knows fairly
 * well which it is in.
 * @param acceptance mean acceptance at an index
 */
export function twoStateText(
  length: number,
  acceptance: (index: number) => number,
  seed: number,
  signal: 'clear' | 'none' = 'clear',
): Text {
  const random = seeded(seed);
  const right: boolean[] = [];
  const confidence: number[] = [];
  let easy = random() < 0.5;
  for (let i = 0; i < length; i++) {
    const share = Math.min(1, Math.max(0, (acceptance(i) - HARD) / (EASY - HARD)));
    // The chain forgets at the same pace for every mean, and rests at the share of easy tokens.
    if (random() < 0.5) easy = random() < share;
    right.push(random() < (easy ? EASY : HARD));
    const sure = easy ? 1 - 0.12 * random() ** 2 : 0.5 + 0.45 * random();
    confidence.push(signal === 'clear' ? sure : 0.99);
  }
  return { right, confidence };
}

/** How a pair of models and its machine are. */
export interface Machine {
  /** Passes of the target, noise apart. */
  readonly costs: readonly PassCost[];
  readonly draftUs: number;
  /** Factor of the time of every pass from some point of time on, as another load on the machine has. @default 1 */
  readonly drift?: (us: number) => number;
  /** Factor of the time of one pass. @default 1 */
  readonly noise?: () => number;
}

/** What the controllers of a pair have learned, and what lives on from stream to stream. */
export interface Learned {
  readonly costs: CostTable;
  /** Unset: streams copy from their text instead. */
  readonly draftCosts?: DraftCosts;
  readonly pair: PairCalibration;
}

/** What one or more streams came to. */
export interface Run {
  /** Tokens per time against plain steps of as many streams on the same machine at the same times. */
  readonly speedup: number;
  /** Tokens that were drafted. */
  readonly drafted: number;
  /** Drafted tokens that were verified. */
  readonly verified: number;
}

const mostRows = 256;
const promptTokens = 64;
const copyLength = 8;
const copyMatch = 6;
const copyConfidence = 0.88;

/** A pair that was never seen, its models measured at load. */
export function newPair({ costs, draftUs }: Machine): Learned {
  return {
    costs: new CostTable(costs, mostRows),
    draftCosts: new DraftCosts(draftUs),
    pair: new PairCalibration(),
  };
}

/** Tokens per time against plain steps when always that many tokens are drafted. */
export function fixedSpeedup(machine: Machine, text: Text, drafted: number): number {
  const table = new CostTable(machine.costs, mostRows);
  let us = 0;
  for (let at = 0; at < text.right.length;) {
    const m = Math.min(drafted, text.right.length - at - 1);
    us += table.passUs(m + 1) + m * machine.draftUs;
    at += 1 + agreed(text, at, m);
  }
  return (text.right.length * table.plainUs) / us;
}

/** The fastest of all fixed lengths, known only afterwards. */
export function bestFixedSpeedup(machine: Machine, text: Text): number {
  const lengths = [0, 1, 2, 3, 4, 5, 7, 11, 15];
  return Math.max(...lengths.map(length => fixedSpeedup(machine, text, length)));
}

/** Streams that share their passes until the first one ends. */
export function paced(machine: Machine, learned: Learned, ...texts: readonly Text[]): Run {
  const table = new CostTable(machine.costs, mostRows);
  const streams = texts.map(text => new SimulatedStream(text, machine, learned));
  let us = 0;
  let plainUs = 0;
  while (streams.every(stream => !stream.ended)) {
    const drift = machine.drift?.(us) ?? 1;
    for (const stream of streams) stream.propose();
    const rows = streams.reduce((sum, stream) => sum + 1 + stream.verified, 0);
    // Drafts of several streams are steps of one batch, as long as the longest of them.
    const draftUs = Math.max(...streams.map(stream => stream.draftUs));
    const verifyUs = table.passUs(rows) * drift * (machine.noise?.() ?? 1);
    const stepUs = draftUs + verifyUs;
    us += stepUs;
    for (const stream of streams) {
      const emitted = stream.commit({ rows, streams: streams.length, stepUs, verifyUs });
      plainUs += (emitted * table.passUs(streams.length) * drift) / streams.length;
    }
  }
  const total = (of: (stream: SimulatedStream) => number): number =>
    streams.reduce((sum, stream) => sum + of(stream), 0);
  return {
    speedup: plainUs / us,
    drafted: total(stream => stream.totalDrafted),
    verified: total(stream => stream.totalVerified),
  };
}

/** A stream with a controller, against a text whose outcomes are known. */
class SimulatedStream {
  totalDrafted = 0;
  totalVerified = 0;
  verified = 0;
  draftUs = 0;
  readonly #text: Text;
  readonly #machine: Machine;
  readonly #calibration: StreamCalibration;
  readonly #controller: PaceController;
  readonly #copies: boolean;
  #at = 0;
  #read = -promptTokens;
  #bins: number[] = [];
  #asked = false;
  #shadow: { from: number; count: number } | undefined;

  constructor(text: Text, machine: Machine, learned: Learned) {
    this.#text = text;
    this.#machine = machine;
    this.#calibration = learned.pair.stream(0);
    this.#copies = learned.draftCosts === undefined;
    const calibration = this.#calibration;
    this.#controller = new PaceController({ ...learned, calibration, maxDraftTokens: 16 });
  }

  get ended(): boolean {
    return this.#at >= this.#text.right.length;
  }

  /** Plans, drafts, and chooses what to verify. */
  propose(): void {
    const limit = this.#text.right.length - this.#at - 1;
    const plan = this.#controller.plan(limit);
    this.#asked = plan.kind === 'draft';
    this.#bins = this.#copies ? this.#copy(limit) : [];
    this.draftUs = 0;
    if (plan.kind === 'draft') {
      this.#bins = binsOf(this.#text, this.#at, this.#draft(plan.prices, limit));
      this.draftUs = this.#bins.length * this.#machine.draftUs;
    } else if (plan.kind === 'shadow') {
      const rows = Math.min(plan.window, this.#at - this.#read);
      this.draftUs = (rows / 4 + plan.length) * this.#machine.draftUs;
      this.#shadow = { from: this.#at, count: Math.min(plan.length, limit) };
    }
    if (plan.kind !== 'plain') this.#read = this.#at;
    const acceptances = this.#bins.map(bin => this.#calibration.acceptanceOf(bin));
    this.verified = this.#controller.choosePrefix(acceptances, limit);
    this.totalDrafted += this.#bins.length;
    this.totalVerified += this.verified;
  }

  /** Takes the pass; returns how many tokens the stream got. */
  commit(pass: Pick<PacedStep, 'rows' | 'streams' | 'stepUs' | 'verifyUs'>): number {
    const tokens = this.#bins.length;
    const emitted = 1 + agreed(this.#text, this.#at, this.verified);
    this.#controller.observeStep({
      ...pass,
      mixed: false,
      bins: this.#bins,
      verified: this.verified,
      emitted,
      agreed: agreed(this.#text, this.#at, Math.min(tokens, emitted)),
      ...(this.#asked ? { draft: { us: this.draftUs, tokens, rows: tokens } } : {}),
    });
    this.#at += emitted;
    if (this.#shadow !== undefined && this.#at >= this.#shadow.from + this.#shadow.count) {
      const { from, count } = this.#shadow;
      this.#shadow = undefined;
      const bins = binsOf(this.#text, from, count);
      this.#controller.observeShadow({ bins, agreed: agreed(this.#text, from, count) });
    }
    return emitted;
  }

  /** Tokens that the draft's thread makes of a plan. */
  #draft(prices: Prices, limit: number): number {
    const reach: number[] = [];
    do {
      const bin = confidenceBin(this.#text.confidence[this.#at + reach.length] ?? 0);
      reach.push((reach.at(-1) ?? 1) * (prices.acceptance[bin] ?? 0));
    } while (bestPlan(reach, prices, limit) > reach.length);
    return reach.length;
  }

  /** Bins of a copy from the text, which there is where the text is easy. */
  #copy(limit: number): number[] {
    if ((this.#text.confidence[this.#at] ?? 0) < copyConfidence) return [];
    const length = Math.min(copyLength, limit);
    return Array.from({ length }, (_, depth) => ngramBin(copyMatch, depth + 1));
  }
}

function binsOf(text: Text, at: number, count: number): number[] {
  return text.confidence.slice(at, at + count).map(confidenceBin);
}

/** How many of the tokens drafted from an index on are right, up to the first that is not. */
function agreed(text: Text, at: number, count: number): number {
  let k = 0;
  while (k < count && text.right[at + k] === true) k++;
  return k;
}
