import { median, pairedRatios, quantile, spread, type Spread } from '../stats.js';
import { tokensPerSecond } from '../timed-completion.js';
import { groupBy, type Measurement, ofSetting } from './measurement.js';
import { type Pair } from './pairs.js';
import { type PromptClass } from './prompts/classes.js';
import {
  LIBRARY_SETS,
  type LibrarySet,
  type Server,
  type Setting,
  settingsOf,
} from './settings.js';

/** One setting on one pair at one temperature, over all prompts. */
export interface SettingSummary {
  readonly setting: Setting;
  /** From the first token on. */
  readonly tokensPerSecond: Spread;
  /** Median over the prompts of its speed over that of plain decoding on the same server in the same turn. */
  readonly overPlain: number;
  /** Accepted over drafted tokens, all prompts together; absent when nothing was drafted. */
  readonly acceptance: number | undefined;
  /** 1 + accepted tokens per pass that had drafted ones; absent when nothing was drafted. */
  readonly meanAcceptanceLength: number | undefined;
  /** Median time to the first token, in milliseconds. */
  readonly firstTokenMs: number;
  /** Median over the prompts of that time over the time of plain decoding on the same server. */
  readonly firstTokenOverPlain: number;
  /** Pauses between tokens of all prompts, in milliseconds; 0 between tokens of one step. */
  readonly gapP50Ms: number;
  readonly gapP95Ms: number;
}

/** AUTO on one library set against the others, by medians over the prompts of speeds in the same turn. */
export interface AutoSummary {
  readonly libraries: LibrarySet;
  readonly overPlain: number;
  readonly overPlainByClass: readonly {
    readonly promptClass: PromptClass;
    readonly ratio: number;
  }[];
  /** The setting of llama-server with the highest median speed here: chosen with hindsight. */
  readonly best: Setting;
  readonly overBest: number;
  /** Over llama-server's default draft length. */
  readonly overDefault: number;
}

/** All settings on one pair at one temperature. */
export interface GroupSummary {
  readonly pair: Pair;
  readonly temperature: number;
  readonly settings: readonly SettingSummary[];
  readonly auto: readonly AutoSummary[];
}

/** Summaries by pair and temperature, in the order of measurement. */
export function summarise(measurements: readonly Measurement[]): GroupSummary[] {
  const groups = groupBy(
    measurements,
    ({ turn }) => `${turn.pair.target} ${turn.pair.draft} ${turn.temperature}`,
  );
  return [...groups.values()].flatMap(group => {
    const [first] = group;
    return first === undefined ? [] : [summariseGroup(first, group)];
  });
}

/** Drafted tokens that were accepted, of all completions together; undefined when nothing was drafted. */
export function acceptanceOf(measurements: readonly Measurement[]): number | undefined {
  const { drafted, accepted } = draftsOf(measurements);
  return drafted === 0 ? undefined : accepted / drafted;
}

function summariseGroup({ turn }: Measurement, group: readonly Measurement[]): GroupSummary {
  const settings = settingsIn(group);
  const libraries = settings.flatMap(({ server, drafting }) =>
    server !== 'llama-server' && drafting === 'auto' ? [server] : [],
  );
  return {
    pair: turn.pair,
    temperature: turn.temperature,
    settings: settings.map(setting => summariseSetting(group, setting)),
    auto: libraries.map(set => summariseAuto(group, set)),
  };
}

function summariseSetting(group: readonly Measurement[], setting: Setting): SettingSummary {
  const own = ofSetting(group, setting);
  const plain = plainOf(group, setting.server);
  const { drafted, accepted, steps } = draftsOf(own);
  const gaps = own.flatMap(({ completion }) => completion.gapsMs);
  return {
    setting,
    tokensPerSecond: spread(speedsOf(own)),
    overPlain: medianRatio(own, plain),
    acceptance: acceptanceOf(own),
    meanAcceptanceLength: drafted === 0 ? undefined : 1 + accepted / steps,
    firstTokenMs: median(firstTokensOf(own)),
    firstTokenOverPlain: median(pairedRatios(firstTokensOf(own), firstTokensOf(plain))),
    gapP50Ms: quantile(gaps, 0.5),
    gapP95Ms: quantile(gaps, 0.95),
  };
}

function summariseAuto(group: readonly Measurement[], libraries: LibrarySet): AutoSummary {
  const auto = ofSetting(group, { server: libraries, drafting: 'auto' });
  const plain = plainOf(group, libraries);
  const best = fastestOf(group.filter(({ setting }) => setting.server === 'llama-server'));
  const classes = [...groupBy(group, ({ turn }) => turn.promptClass).keys()];
  const inClass = (all: readonly Measurement[], promptClass: PromptClass): Measurement[] =>
    all.filter(({ turn }) => turn.promptClass === promptClass);
  return {
    libraries,
    overPlain: medianRatio(auto, plain),
    overPlainByClass: classes.map(promptClass => ({
      promptClass,
      ratio: medianRatio(inClass(auto, promptClass), inClass(plain, promptClass)),
    })),
    best,
    overBest: medianRatio(auto, ofSetting(group, best)),
    overDefault: medianRatio(auto, ofSetting(group, { server: 'llama-server', drafting: 3 })),
  };
}

function fastestOf(measurements: readonly Measurement[]): Setting {
  const settings = settingsIn(measurements);
  const speed = (setting: Setting): number => median(speedsOf(ofSetting(measurements, setting)));
  return settings.reduce((best, setting) => (speed(setting) > speed(best) ? setting : best));
}

function settingsIn(measurements: readonly Measurement[]): Setting[] {
  return settingsOf(LIBRARY_SETS).filter(setting => ofSetting(measurements, setting).length > 0);
}

function plainOf(group: readonly Measurement[], server: Server): Measurement[] {
  return ofSetting(group, { server, drafting: 'plain' });
}

/** Every setting completes the same turns in the same order, so equal places are equal turns. */
function medianRatio(ours: readonly Measurement[], theirs: readonly Measurement[]): number {
  return median(pairedRatios(speedsOf(ours), speedsOf(theirs)));
}

function speedsOf(measurements: readonly Measurement[]): number[] {
  return measurements.map(({ completion }) => tokensPerSecond(completion));
}

function firstTokensOf(measurements: readonly Measurement[]): number[] {
  return measurements.map(({ completion }) => completion.firstTokenMs);
}

function draftsOf(measurements: readonly Measurement[]) {
  const sum = { drafted: 0, accepted: 0, steps: 0 };
  for (const { completion } of measurements) {
    sum.drafted += completion.drafts.drafted;
    sum.accepted += completion.drafts.accepted;
    sum.steps += completion.drafts.steps;
  }
  return sum;
}
