import { describe } from '@jest/globals';

/** What begins a suite that is skipped where something is missing, and what ends its title then; `undefined`: nothing is missing. */
export function describeUnless(missing: string | undefined): [typeof describe.skip, string] {
  return missing === undefined ? [describe, ''] : [describe.skip, ` (skipped: ${missing})`];
}
