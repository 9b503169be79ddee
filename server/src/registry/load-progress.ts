import { LoadStage } from '@outrider/sdk/proto';

/** Where a load is, as the contract wants it told. */
export interface StageProgress {
  readonly stage: LoadStage;
  /** 0 to 1. */
  readonly fraction: number;
  readonly doneBytes: number;
  readonly totalBytes: number;
}

/** Brings reports into order: stages forward only, each one entered with 0 and left with 1, fractions never falling, not too many. */
export class ProgressTrack {
  #last: StageProgress | undefined;
  #toldAtMs = -Infinity;
  readonly #landmarks: StageProgress[] = [];

  readonly #tell: (progress: StageProgress) => void;
  readonly #nowMs: () => number;

  constructor(tell: (progress: StageProgress) => void, nowMs: () => number) {
    this.#tell = tell;
    this.#nowMs = nowMs;
  }

  /** What somebody who joins late has missed, without the fractions in between. */
  get history(): readonly StageProgress[] {
    return this.#landmarks;
  }

  report(progress: StageProgress): void {
    const last = this.#last;
    if (last === undefined || rank(progress.stage) > rank(last.stage)) {
      this.complete();
      this.#landmark({ ...progress, fraction: 0 });
      if (progress.fraction > 0) this.report(progress);
      return;
    }
    if (progress.stage !== last.stage || !(progress.fraction > last.fraction)) return;
    if (progress.fraction >= 1) {
      this.#landmark({ ...progress, fraction: 1 });
      return;
    }
    if (this.#nowMs() - this.#toldAtMs < SPACING_MS) return;
    this.#tellNow(progress);
  }

  /** Reports the present stage as done. */
  complete(): void {
    if (this.#last === undefined || this.#last.fraction === 1) return;
    this.#landmark({ ...this.#last, fraction: 1, doneBytes: this.#last.totalBytes });
  }

  #landmark(progress: StageProgress): void {
    this.#landmarks.push(progress);
    this.#tellNow(progress);
  }

  #tellNow(progress: StageProgress): void {
    this.#last = progress;
    this.#toldAtMs = this.#nowMs();
    this.#tell(progress);
  }
}

// With at most eight landmarks this stays below 20 a second.
const SPACING_MS = 90;

const ORDER: readonly LoadStage[] = [
  LoadStage.RESOLVING,
  LoadStage.DOWNLOADING,
  LoadStage.LOADING,
  LoadStage.WARMING_UP,
];

function rank(stage: LoadStage): number {
  return ORDER.indexOf(stage);
}
