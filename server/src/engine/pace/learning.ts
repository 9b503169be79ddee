import { type StreamCalibration } from './calibration.js';
import { type CostTable } from './cost-table.js';
import { type DraftCosts } from './draft-costs.js';
import { type PacedStep } from './step.js';

/** What is known of a target and, where there is a draft model, of the pair. */
export interface Learned {
  readonly costs: CostTable;
  readonly calibration: StreamCalibration;
  /** Unset without a draft model. */
  readonly draftCosts?: DraftCosts;
}

/**
 * Takes what became of proposals. Those behind the first wrong one tell nothing, for they were made on a false start.
 */
export function learnOutcomes(
  calibration: StreamCalibration,
  { bins, agreed, emitted }: Pick<PacedStep, 'bins' | 'agreed' | 'emitted'>,
): void {
  const told = Math.min(bins.length, emitted, agreed + 1);
  for (const [index, bin] of bins.slice(0, told).entries())
    calibration.observe(bin, index < agreed, index);
}

/** Takes what a step cost whose draft, if it had one, took turns with its target. */
export function learnCosts({ costs, draftCosts }: Learned, step: PacedStep): void {
  const { rows, streams, mixed, verified, stepUs, verifyUs, draft } = step;
  if (mixed) return;
  costs.observe(rows, verifyUs, 1 / streams);
  if (streams > 1) return;
  const { overheadUs } = costs;
  if (draft === undefined && verified === 0) costs.observeOverhead(stepUs - verifyUs);
  else if (draft !== undefined && overheadUs !== undefined)
    draftCosts?.observeAsk(Math.min(costs.plainUs, stepUs - verifyUs - draft.us - overheadUs));
}
