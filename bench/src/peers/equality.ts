import { partingOf } from '../timed-completion.js';
import { groupBy, type Measurement } from './measurement.js';
import { pairName } from './pairs.js';
import { type Server, type Setting, settingName } from './settings.js';

/** How often a setting wrote what another one wrote, on f32 targets at temperature 0. */
export interface Equality {
  readonly setting: Setting;
  /** What it is compared with: plain decoding. */
  readonly reference: Setting;
  readonly texts: number;
  readonly equal: number;
  /** Where texts part, for people. */
  readonly partings: readonly string[];
}

/** Outrider's drafting settings against its plain text; any difference is an error of Outrider. */
export function compareWithOwnPlain(measurements: readonly Measurement[]): Equality[] {
  return compare(measurements, ({ server, drafting }) =>
    server === 'llama-server' || drafting === 'plain' ? undefined : server,
  );
}

/** Outrider's plain text against llama-server's: on other libraries it may differ where two tokens are nearly as likely. */
export function compareWithLlamaServer(measurements: readonly Measurement[]): Equality[] {
  return compare(measurements, ({ server, drafting }) =>
    server !== 'llama-server' && drafting === 'plain' ? 'llama-server' : undefined,
  );
}

function compare(
  measurements: readonly Measurement[],
  referenceOf: (setting: Setting) => Server | undefined,
): Equality[] {
  const exact = measurements.filter(
    ({ turn }) => turn.pair.target === 'f32' && turn.temperature === 0,
  );
  const bySetting = groupBy(exact, ({ setting }) => settingName(setting));
  return [...bySetting.values()].flatMap(own => {
    const [first] = own;
    const server = first === undefined ? undefined : referenceOf(first.setting);
    if (first === undefined || server === undefined) return [];
    const reference: Setting = { server, drafting: 'plain' };
    const partings = own.flatMap(measurement => partingFrom(measurement, reference, exact));
    const equal = own.length - partings.length;
    return [{ setting: first.setting, reference, texts: own.length, equal, partings }];
  });
}

function partingFrom(
  { turn, completion }: Measurement,
  reference: Setting,
  all: readonly Measurement[],
): string[] {
  const other = all.find(
    one => one.turn === turn && settingName(one.setting) === settingName(reference),
  );
  if (other === undefined) throw new Error(`a turn lacks ${settingName(reference)}`);
  const at = partingOf(completion.text, other.completion.text);
  if (at === undefined) return [];
  return [`${pairName(turn.pair)}, ${turn.promptClass} ${turn.round}: at character ${at}`];
}
