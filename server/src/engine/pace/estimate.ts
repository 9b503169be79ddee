/** A chance learned from outcomes: a running mean that forgets, pulled towards a prior while it has seen little. */
export class Estimate {
  readonly #decay: number;
  #hits = 0;
  #weight = 0;

  /** @param halfLife outcomes after which one counts half */
  constructor(halfLife: number) {
    this.#decay = 0.5 ** (1 / halfLife);
  }

  /**
   * The chance, 0 to 1.
   * @param prior what to believe before any outcome
   * @param strength outcomes that the prior is worth
   */
  mean(prior: number, strength: number): number {
    return (this.#hits + strength * prior) / (this.#weight + strength);
  }

  /** Takes one outcome. */
  observe(hit: boolean): void {
    this.#hits = this.#hits * this.#decay + (hit ? 1 : 0);
    this.#weight = this.#weight * this.#decay + 1;
  }

  /** Keeps no more than what `weight` outcomes would tell, because times have changed. */
  doubt(weight: number): void {
    if (this.#weight <= weight) return;
    this.#hits *= weight / this.#weight;
    this.#weight = weight;
  }
}

/** How often each of some kinds occurs, learned as an `Estimate` is. */
export class Frequencies {
  readonly #decay: number;
  readonly #counts: Float64Array;
  #weight = 0;

  /** @param halfLife occurrences after which one counts half */
  constructor(kinds: number, halfLife: number) {
    this.#counts = new Float64Array(kinds);
    this.#decay = 0.5 ** (1 / halfLife);
  }

  /** Share of a kind, 0 to 1; prior and strength as for an estimate. */
  share(kind: number, prior: number, strength: number): number {
    return ((this.#counts[kind] ?? 0) + strength * prior) / (this.#weight + strength);
  }

  /** Takes one occurrence. */
  observe(kind: number): void {
    for (let i = 0; i < this.#counts.length; i++)
      this.#counts[i] = (this.#counts[i] ?? 0) * this.#decay + (i === kind ? 1 : 0);
    this.#weight = this.#weight * this.#decay + 1;
  }

  /** Keeps no more than what `weight` occurrences would tell. */
  doubt(weight: number): void {
    if (this.#weight <= weight) return;
    for (let i = 0; i < this.#counts.length; i++)
      this.#counts[i] = ((this.#counts[i] ?? 0) * weight) / this.#weight;
    this.#weight = weight;
  }
}
