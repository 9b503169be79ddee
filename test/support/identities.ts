import { type GenerateResponse } from '@outrider/sdk/proto';
import {
  checkBonusTokens,
  checkCompletionTokens,
  checkDetails,
  checkEmission,
  checkIndices,
  checkLimits,
  checkRollback,
} from './identities/steps.js';
import { type IdentityOptions, type Stream, readStream } from './identities/stream.js';
import {
  checkHistograms,
  checkRates,
  checkSpeedup,
  checkSums,
  checkTimes,
} from './identities/summary.js';

export { type IdentityOptions } from './identities/stream.js';

/**
 * The identities of docs/api.md, "Statistics", that the events of one completed stream break: number, names and
 * figures of each. Empty for a stream at STEPS or DETAILED that keeps identities 1 to 12. 0 stands for the order of
 * events and what each must carry; where it is broken the others are not looked at.
 */
export function identityViolations(
  events: readonly GenerateResponse[],
  options: IdentityOptions = {},
): string[] {
  const stream = readStream(events, options);
  return typeof stream === 'string'
    ? [`0: ${stream}`]
    : CHECKS.flatMap(check => [...check(stream)]);
}

const CHECKS: readonly ((stream: Stream) => Iterable<string>)[] = [
  checkIndices,
  checkLimits,
  checkBonusTokens,
  checkEmission,
  checkCompletionTokens,
  checkDetails,
  checkTimes,
  checkSums,
  checkHistograms,
  checkRates,
  checkSpeedup,
  checkRollback,
];
