/** What a draft's answer took. */
export interface DraftWork {
  /** Time of the draft, in microseconds. */
  readonly us: number;
  /** Tokens that it proposed. */
  readonly tokens: number;
  /** Rows that it evaluated for them: more than tokens where it had to catch up with its target, or to read the prompt. */
  readonly rows: number;
}

/** Of several answers for one step. */
export function sumOfWork(one: DraftWork | undefined, other: DraftWork): DraftWork {
  if (one === undefined) return other;
  return {
    us: one.us + other.us,
    tokens: one.tokens + other.tokens,
    rows: one.rows + other.rows,
  };
}

const usualShare = 0.1;
const usualFeed = 0.25;
const leastGain = 0.1;
const leastRatio = 0.5;
const mostRatio = 2;

/** What drafting costs on a draft model, as running means. Lives as long as the pair; all of its streams feed it. */
export class DraftCosts {
  #stepUs: number | undefined;
  #feedUs: number | undefined;
  #askUs = 0;
  #steps: number;
  #asks = 0;

  /** @param measuredUs one pass of one row of the draft, timed at load; unset: a tenth of the target's until observed */
  constructor(measuredUs?: number) {
    this.#stepUs = measuredUs;
    this.#steps = measuredUs === undefined ? 0 : 1;
  }

  /**
   * Time of one draft step, in microseconds.
   * @param plainUs time of a plain step of the target
   */
  stepUs(plainUs: number): number {
    return this.#stepUs ?? usualShare * plainUs;
  }

  /** Time of one row of a longer catch-up, in microseconds; a quarter of a step until observed. */
  feedUs(plainUs: number): number {
    return this.#feedUs ?? usualFeed * this.stepUs(plainUs);
  }

  /** Part of an answer's time that went into catching up, in microseconds. */
  readUs(work: DraftWork | undefined, plainUs: number): number {
    if (work === undefined || work.rows <= work.tokens + 1) return 0;
    return Math.max(0, work.us - work.tokens * this.stepUs(plainUs));
  }

  /** What a step that drafts takes besides drafting and verifying, in microseconds: messages and waking up. */
  get askUs(): number {
    return this.#askUs;
  }

  /** Takes an answer of the draft. Reading a prompt says nothing about a draft step, so such an answer is kept apart. */
  observe({ us, tokens, rows }: DraftWork): void {
    if (tokens === 0 || !(us > 0)) return;
    const extra = rows - tokens;
    if (extra > 1) {
      if (this.#stepUs === undefined) return;
      const feedUs = Math.max(0, us - tokens * this.#stepUs) / extra;
      this.#feedUs = moved(this.#feedUs, feedUs, 0.5);
      return;
    }
    this.#stepUs = moved(this.#stepUs, us / tokens, Math.max(leastGain, 1 / (this.#steps + 1)));
    this.#steps++;
  }

  /** Takes what a step that drafted took beyond its draft, its pass and the overhead of a plain step, in microseconds. */
  observeAsk(us: number): void {
    this.#asks++;
    const gain = Math.max(leastGain, 1 / (this.#asks + 1));
    this.#askUs += gain * (Math.max(0, us) - this.#askUs);
  }
}

/** One measurement alone must not move a mean far: a thread may have been interrupted. */
function moved(mean: number | undefined, us: number, gain: number): number {
  if (mean === undefined || mean === 0) return us;
  const near = Math.min(mostRatio * mean, Math.max(leastRatio * mean, us));
  return mean + gain * (near - mean);
}
