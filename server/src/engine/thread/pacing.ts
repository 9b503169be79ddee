import { type DecodeCost } from '@outrider/sdk/proto';
import { PairCalibration } from '../pace/calibration.js';
import { PaceController } from '../pace/controller.js';
import { CostTable } from '../pace/cost-table.js';
import { DraftCosts } from '../pace/draft-costs.js';
import { FixedPace } from '../pace/fixed-pace.js';
import { FreeDraft, OverlapPace } from '../pace/overlap-pace.js';
import { type GenerateSpec } from '../protocol.js';
import { type StreamPace } from './drafting.js';
import { type DraftUse } from './messages.js';

interface Pair {
  readonly calibration: PairCalibration;
  readonly costs: DraftCosts;
}

/** What a model has learned, as a target, of its own costs and of each draft: streams begin with it and add to it. */
export class Pacing {
  readonly #costs: CostTable;
  readonly #alone = new PairCalibration();
  readonly #pairs = new Map<string, Pair>();

  /**
   * @param measured passes timed at load; empty: costs are learned from the streams
   * @param mostRows most rows of one pass that may ask for logits
   */
  constructor(measured: readonly DecodeCost[], mostRows: number) {
    this.#costs = new CostTable(measured, mostRows);
  }

  /** What paces a stream with that draft, or with copies from its text alone. */
  stream({ speculation, sampling }: GenerateSpec, draft: DraftUse | undefined): StreamPace {
    const pair = draft === undefined ? undefined : this.#pair(draft);
    const { fixed, maxDraftTokens, overlap, synthetic } = speculation;
    const learned = pair?.calibration ?? this.#alone;
    // Dice know nothing of the pair, and it is to know nothing of them.
    const outcomes = synthetic === undefined ? learned : new PairCalibration();
    const calibration = outcomes.stream(sampling.temperature);
    const setup = { costs: this.#costs, calibration, maxDraftTokens };
    if (fixed) {
      // A draft that runs beside its target takes its turns with nobody: that says nothing of taking turns.
      const learned = pair === undefined || overlap ? setup : { ...setup, draftCosts: pair.costs };
      return { pace: new FixedPace(maxDraftTokens, learned), calibration };
    }
    if (pair === undefined) return { pace: new PaceController(setup), calibration };
    const draftCosts = pair.costs;
    if (!overlap) return { pace: new PaceController({ ...setup, draftCosts }), calibration };
    const controller = new PaceController({ ...setup, draftCosts: new FreeDraft() });
    return { pace: new OverlapPace(controller, { ...setup, draftCosts }), calibration };
  }

  /** Forgets a draft, because another model may take its name. */
  forget(peer: string): void {
    this.#pairs.delete(peer);
  }

  #pair({ peer, stepUs }: DraftUse): Pair {
    const known = this.#pairs.get(peer);
    if (known !== undefined) return known;
    const pair = { calibration: new PairCalibration(), costs: new DraftCosts(stepUs) };
    this.#pairs.set(peer, pair);
    return pair;
  }
}
