import { type TimedCompletion } from '../timed-completion.js';
import { type Pair } from './pairs.js';
import { type PromptClass } from './prompts/classes.js';
import { type Setting } from './settings.js';

/** One prompt, completed by every setting in the same turn. */
export interface Turn {
  readonly pair: Pair;
  readonly temperature: number;
  readonly promptClass: PromptClass;
  /** From 0. */
  readonly round: number;
}

/** One completion of a turn. */
export interface Measurement {
  readonly turn: Turn;
  readonly setting: Setting;
  readonly completion: TimedCompletion;
}

/** The measurements of one setting, in the order in which they were made. */
export function ofSetting(
  measurements: readonly Measurement[],
  { server, drafting }: Setting,
): Measurement[] {
  return measurements.filter(
    ({ setting }) => setting.server === server && setting.drafting === drafting,
  );
}

/** Measurements by a property of theirs, in the order of first appearance. */
export function groupBy<K>(
  measurements: readonly Measurement[],
  keyOf: (measurement: Measurement) => K,
): Map<K, Measurement[]> {
  const groups = new Map<K, Measurement[]>();
  for (const measurement of measurements) {
    const key = keyOf(measurement);
    const group = groups.get(key);
    if (group === undefined) groups.set(key, [measurement]);
    else group.push(measurement);
  }
  return groups;
}
