/** Time of one target pass, measured at load. */
export interface PassCost {
  readonly rows: number;
  readonly durationUs: number;
}

/**
 * Time of a pass against that of one row, for a target that was not measured: medians over a 95 M-parameter model in
 * f32, bf16, q8_0 and q4_0 on one and two cores. Beyond the last point each row adds `furtherRow`.
 */
const priorShape = [
  { rows: 1, ratio: 1 },
  { rows: 2, ratio: 1.65 },
  { rows: 3, ratio: 1.83 },
  { rows: 4, ratio: 1.94 },
  { rows: 5, ratio: 2.33 },
  { rows: 6, ratio: 2.82 },
  { rows: 8, ratio: 3.1 },
  { rows: 12, ratio: 4.3 },
  { rows: 16, ratio: 4.9 },
] as const;
const furtherRow = 0.17;
const pointsBeyond = [24, 32, 48, 64, 96, 128, 192, 256, 384, 512];

const dominance = 1.02;
const leastGain = 0.1;
/** What a point is worth in passes: one that was measured at load, and one that was not. */
const measuredWeight = 5;
const guessedWeight = 1;
/** A plain step tells how fast the machine is now, a longer one more about what its rows cost. */
const plainShares = { machine: 0.9, several: 0, own: 0.1 };
const longShares = { machine: 0.1, several: 0.4, own: 0.5 };
const plainEvery = 128;
const overheadWeight = 0.1;
const overheadShare = 0.25;

/**
 * Time of a target pass by its rows. Begins with what was measured at load and follows what passes really take: a factor
 * for the machine, one for all passes of several rows, and one for each point. Lives as long as the target, and all of
 * its streams feed it. The length of the KV is no axis of it: a stream's grows by a few tokens a pass, which the factors
 * follow, and it moves all row counts alike.
 */
export class CostTable {
  readonly #rows: readonly number[];
  readonly #base: Float64Array;
  readonly #own: Float64Array;
  readonly #weight: Float64Array;
  readonly #us: Float64Array;
  #machine = 1;
  #several = 1;
  #known: boolean;
  #sincePlain = 0;
  #overheadUs: number | undefined;
  #overheads = 0;

  /**
   * @param measured passes timed at load; empty: a usual shape, scaled by the first pass that is observed
   * @param mostRows most rows that a pass may have
   */
  constructor(measured: readonly PassCost[], mostRows: number) {
    const points = measured.filter(({ rows, durationUs }) => rows >= 1 && durationUs > 0);
    const usual = [...priorShape.map(({ rows }) => rows), ...pointsBeyond, mostRows];
    const rows = new Set([...usual.filter(count => count <= mostRows), ...points.map(p => p.rows)]);
    this.#rows = [...rows].sort((a, b) => a - b);
    const curve = [...points].sort((a, b) => a.rows - b.rows);
    this.#base = Float64Array.from(this.#rows, count => baseUs(curve, count));
    const counted = new Set(points.map(point => point.rows));
    this.#weight = Float64Array.from(this.#rows, count =>
      counted.has(count) ? measuredWeight : guessedWeight,
    );
    this.#own = new Float64Array(this.#rows.length).fill(1);
    this.#us = Float64Array.from(this.#base);
    this.#known = points.length > 0;
  }

  /** Whether times are known yet: always, unless nothing was measured at load and no pass was observed. */
  get known(): boolean {
    return this.#known;
  }

  /** Time of a pass of one row, in microseconds. */
  get plainUs(): number {
    return this.passUs(1);
  }

  /** What a plain step takes besides its pass, in microseconds; unset until one was observed. */
  get overheadUs(): number | undefined {
    return this.#overheadUs;
  }

  /** Whether it is long since a pass of one row was observed, so that one should be run to measure it. */
  get plainDue(): boolean {
    return this.#sincePlain >= plainEvery;
  }

  /** Time of a pass, in microseconds; between the points of the table on a line, beyond the last on the last line. */
  passUs(rows: number): number {
    const { at, share } = this.#place(rows);
    const lower = this.#us[at] ?? 0;
    const upper = this.#us[at + 1] ?? lower;
    // Measurements are noisy: a line that falls must not be followed below what was measured.
    return share > 1 && upper < lower ? upper : lower + share * (upper - lower);
  }

  /**
   * Row counts that a pass should have, ascending, none above `limit`: the points of the table that no larger one
   * undercuts, and 1, and `limit`. Few, because a pass of the same shape as the one before reuses its graph.
   */
  allowedRows(limit: number): number[] {
    const allowed = limit > 1 ? [limit] : [];
    let leastUs = Infinity;
    for (let i = this.#rows.length - 1; i > 0; i--) {
      const rows = this.#rows[i] ?? 0;
      const us = this.#us[i] ?? 0;
      if (rows > limit || leastUs <= dominance * us) continue;
      leastUs = us;
      if (rows < limit) allowed.push(rows);
    }
    return [...allowed, 1].reverse();
  }

  /**
   * Takes the time of a pass that held nothing but rows to be verified.
   * @param share part of the pass that this tells of, where each of its streams does: 1 over their number
   */
  observe(rows: number, us: number, share = 1): void {
    if (!(us > 0)) return;
    if (!this.#known) {
      this.#known = true;
      this.#machine = us / this.passUs(rows);
      this.#refresh();
    }
    this.#sincePlain = rows === 1 ? 0 : this.#sincePlain + share;
    const place = this.#place(rows);
    const near = place.share < 0.5 ? place.at : place.at + 1;
    const weight = this.#weight[near] ?? 0;
    const gain = Math.max(leastGain, 1 / (weight + 1));
    // A pass may be interrupted: one alone must not move much, except where little is known yet.
    const most = gain > leastGain ? 2 : 1.25;
    const least = gain > leastGain ? 0.5 : 0.75;
    const ratio = Math.min(most, Math.max(least, us / this.passUs(rows)));
    const step = share * gain * Math.log(ratio);
    const shares = rows === 1 ? plainShares : longShares;
    this.#machine *= Math.exp(shares.machine * step);
    this.#several *= Math.exp(shares.several * step);
    this.#own[near] = (this.#own[near] ?? 1) * Math.exp(shares.own * step);
    this.#weight[near] = weight + share;
    this.#refresh();
  }

  /**
   * Takes what a plain step took besides its pass. No more than a pass at a time: the first steps of a process run code
   * that is not compiled yet, and would make plain steps look dear for long.
   */
  observeOverhead(us: number): void {
    this.#overheads++;
    const weight = Math.max(overheadWeight, 1 / this.#overheads);
    const mean = this.#overheadUs ?? 0;
    this.#overheadUs = mean + weight * (Math.min(us, overheadShare * this.plainUs) - mean);
  }

  #refresh(): void {
    for (let i = 0; i < this.#us.length; i++) {
      const several = this.#rows[i] === 1 ? 1 : this.#several;
      this.#us[i] = (this.#base[i] ?? 0) * (this.#own[i] ?? 1) * this.#machine * several;
    }
  }

  /** The point at or below a row count, and how far towards the next one it lies; beyond the last, more than 1. */
  #place(rows: number): { at: number; share: number } {
    let at = 0;
    while (at < this.#rows.length - 2 && (this.#rows[at + 1] ?? Infinity) <= rows) at++;
    const lower = this.#rows[at] ?? 1;
    const upper = this.#rows[at + 1];
    return { at, share: upper === undefined ? 0 : (rows - lower) / (upper - lower) };
  }
}

/** Between measured passes on a line, outside of them along the usual shape. */
function baseUs(curve: readonly PassCost[], rows: number): number {
  const lower = curve.findLast(point => point.rows <= rows);
  const upper = curve.find(point => point.rows >= rows);
  if (lower !== undefined && upper !== undefined) {
    if (lower.rows === upper.rows) return lower.durationUs;
    const share = (rows - lower.rows) / (upper.rows - lower.rows);
    return lower.durationUs + share * (upper.durationUs - lower.durationUs);
  }
  const known = lower ?? upper;
  if (known === undefined) return usualRatio(rows);
  return (known.durationUs * usualRatio(rows)) / usualRatio(known.rows);
}

function usualRatio(rows: number): number {
  const next = priorShape.findIndex(point => point.rows >= rows);
  const upper = priorShape[next];
  const lower = priorShape[next - 1];
  if (upper === undefined) {
    const last = priorShape[priorShape.length - 1] ?? { rows: 1, ratio: 1 };
    return last.ratio + furtherRow * (rows - last.rows);
  }
  if (lower === undefined) return upper.ratio;
  const share = (rows - lower.rows) / (upper.rows - lower.rows);
  return lower.ratio + share * (upper.ratio - lower.ratio);
}
