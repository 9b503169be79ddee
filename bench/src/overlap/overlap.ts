import { parseArgs } from 'node:util';
import { type SpeculationSpec } from '../../../server/dist/engine/protocol.js';
import { SimulatedPair } from './pair.js';

/** Text for `--help`. */
export const OVERLAP_USAGE = `overlap [--tokens 300] [--target-ms 20]
    drafting while the target verifies, on simulated devices: measured speed-up against the model's`;

const DRAFTED = 4;
const SLOPE = 0.05;
const COSTS = [0.2, 0.3, 0.5];
const ACCEPTANCES = [0.7, 0.8, 0.9];
const MOST_DEVIATION = 0.15;

/**
 * Two threads as they are, on devices whose passes take a given time: what overlapping the two wins, against the model.
 * @throws TypeError naming an option that does not exist
 */
export async function overlap(line: readonly string[]): Promise<void> {
  const { values } = parseArgs({
    args: [...line],
    options: {
      tokens: { type: 'string', default: '300' },
      'target-ms': { type: 'string', default: '20' },
    },
  });
  const tokens = Number(values.tokens);
  const targetMs = Number(values['target-ms']);
  console.log('draft cost  acceptance  in turns, tok/s  overlapped, tok/s  speed-up  model  AUTO');
  for (const cost of COSTS)
    for (const acceptance of ACCEPTANCES) {
      await using pair = new SimulatedPair(
        { firstMs: targetMs, furtherMs: SLOPE * targetMs, agreement: 1 },
        { firstMs: cost * targetMs, furtherMs: 0, agreement: acceptance },
      );
      const inTurns = await pair.run(tokens, fixed(false));
      const overlapped = await pair.run(tokens, fixed(true));
      const auto = await pair.run(tokens, { ...fixed(true), fixed: false, maxDraftTokens: 16 });
      if (
        String(overlapped.ids) !== String(inTurns.ids) ||
        String(auto.ids) !== String(inTurns.ids)
      )
        throw new Error('overlap changed the tokens');
      const measured = overlapped.tps / inTurns.tps;
      const expected = expectedSpeedup(cost, acceptance);
      const off = Math.abs(measured / expected - 1) > MOST_DEVIATION;
      console.log(
        `${cost.toFixed(1).padStart(10)}  ${acceptance.toFixed(1).padStart(10)}  ` +
          `${inTurns.tps.toFixed(1).padStart(15)}  ${overlapped.tps.toFixed(1).padStart(17)}  ` +
          `${measured.toFixed(2).padStart(8)}  ${expected.toFixed(2).padStart(5)}  ` +
          `${(auto.tps / inTurns.tps).toFixed(2).padStart(4)}${off ? '  off by more than 15 %' : ''}`,
      );
      if (off) process.exitCode = 1;
    }
}

/**
 * A chain that runs on as if everything were accepted saves the drafting of a step wherever it is, and hides as much of
 * the next one as fits beside the pass; else it starts anew behind the verdict.
 */
export function expectedSpeedup(cost: number, acceptance: number): number {
  const pass = 1 + SLOPE * DRAFTED;
  const drafting = DRAFTED * cost;
  const full = acceptance ** (DRAFTED + 1);
  const overlapped = pass + (1 - full) * drafting + full * Math.max(0, (DRAFTED + 1) * cost - pass);
  return (drafting + pass) / overlapped;
}

function fixed(overlapped: boolean): SpeculationSpec {
  return {
    draftModel: 'draft',
    maxDraftTokens: DRAFTED,
    minDraftTokens: 0,
    minDraftProbability: 0,
    fixed: true,
    ngram: false,
    overlap: overlapped,
  };
}
