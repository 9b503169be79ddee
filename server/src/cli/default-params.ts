import { SamplingParams, SpeculationParams, UnavailablePolicy } from '@outrider/sdk/proto';
import { type ServerConfig } from '../config/config.js';
import { type ConfigFile } from './config-file.js';
import { sampling, speculation } from './request.js';
import { type Settings } from './settings.js';

/**
 * What requests use for fields that they leave unset: flags and environment, field by field over the file.
 * @throws CommandFailure USAGE
 */
export function defaultParams(
  settings: Settings,
  file: ConfigFile['defaults'] | undefined,
): ServerConfig['defaults'] {
  const samples: Partial<SamplingParams> = overlaid(
    file?.sampling,
    sampling(settings),
    SamplingParams.fromPartial({}),
  );
  const drafts: Partial<SpeculationParams> = overlaid(
    file?.speculation,
    speculation(settings),
    SpeculationParams.fromPartial({}),
  );
  // Off is the absence of these two, so that only here it is known that somebody has said it.
  if (settings.text('ignore-eos') === 'false') samples.ignoreEos = false;
  if (settings.text('require-speculation') === 'false') {
    drafts.onUnavailable = UnavailablePolicy.UNSPECIFIED;
  }
  return { sampling: samples, speculation: drafts };
}

/** The weaker message with every field that the stronger one sets. A list takes the place of a list. */
function overlaid<Message extends object>(
  weaker: Message | undefined,
  stronger: Message | undefined,
  empty: Message,
): Partial<Message> {
  const unset = new Map<string, unknown>(Object.entries(empty));
  const set = Object.entries(stronger ?? {}).filter(
    ([key, value]) =>
      value !== undefined &&
      value !== unset.get(key) &&
      !(Array.isArray(value) && value.length === 0),
  );
  const base: Partial<Message> = { ...weaker };
  return Object.assign(base, Object.fromEntries(set));
}
