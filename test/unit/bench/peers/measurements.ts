import { type Measurement, type Turn } from '../../../../bench/src/peers/measurement.js';
import { type Setting, settingsOf } from '../../../../bench/src/peers/settings.js';
import { type TimedCompletion } from '../../../../bench/src/timed-completion.js';

const F32_GOOD = { target: 'f32', draft: 'good' } as const;

/** A turn of the pair f32-good; anything else as given. */
export function turnOf(given: Partial<Turn> = {}): Turn {
  return { pair: F32_GOOD, temperature: 0, promptClass: 'chat', round: 0, ...given };
}

/** A completion of 11 tokens at a speed, in tokens per second. */
export function completionAt(speed: number, given: Partial<TimedCompletion> = {}): TimedCompletion {
  return {
    text: 'once',
    tokens: 11,
    firstTokenMs: 100,
    remainingMs: 10_000 / speed,
    gapsMs: Array.from({ length: 10 }, () => 1000 / speed),
    drafts: { drafted: 0, accepted: 0, steps: 0 },
    ...given,
  };
}

/** One turn in which the settings on llama-server's libraries reach these speeds, in the order of the table. */
export function measuredTurn(turn: Turn, speeds: readonly number[]): Measurement[] {
  return settingsOf(['same']).map((setting, i) => ({
    turn,
    setting,
    completion: completionAt(speeds[i] ?? NaN),
  }));
}

/** The same measurements with the completion of one setting changed. */
export function changed(
  measurements: readonly Measurement[],
  setting: Setting,
  change: Partial<TimedCompletion>,
): Measurement[] {
  return measurements.map(one =>
    one.setting.server === setting.server && one.setting.drafting === setting.drafting
      ? { ...one, completion: { ...one.completion, ...change } }
      : one,
  );
}
