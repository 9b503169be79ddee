import { CodedError } from '../coded-error.js';
import { serverConfig, type ServerConfig } from '../config/config.js';
import { usage } from './failure.js';
import { ENGINE_FLAGS, SERVE_FLAGS } from './flags/serve-flags.js';
import { choice, integer, list } from './flags/values.js';
import { type ModelPair } from './pair.js';
import { sampling, speculation } from './request.js';
import { type Settings } from './settings.js';

/** The server that the flags of `serve` describe. @throws CommandFailure USAGE that names the flag */
export function configOf(settings: Settings, { target, draft }: ModelPair): ServerConfig {
  const modelRoots = settings.texts('model-root');
  return checkedConfig({
    ...given(settings.text('host'), host => ({ host })),
    ...given(settings.value('port', integer), port => ({ port })),
    ...given(listen(settings), value => ({ listen: value })),
    ...given(settings.text('admin'), admin => ({ admin })),
    ...(modelRoots.length === 0 ? {} : { modelRoots }),
    ...(settings.isOn('insecure') ? { insecure: true } : {}),
    ...(settings.isOn('allow-synthetic') ? { allowSynthetic: true } : {}),
    ...given(settings.text('tls-cert'), tlsCert => ({ tlsCert })),
    ...given(settings.text('tls-key'), tlsKey => ({ tlsKey })),
    ...given(settings.text('tls-ca'), tlsCa => ({ tlsCa })),
    ...given(settings.text('api-key-file'), apiKeyFile => ({ apiKeyFile })),
    ...given(settings.value('max-queue', integer), maxQueue => ({ maxQueue })),
    ...given(settings.value('slow-consumer-ms', integer), slowConsumerMs => ({ slowConsumerMs })),
    ...given(settings.value('drain-ms', integer), drainMs => ({ drainMs })),
    ...given(settings.value('stall-report-ms', integer), stallReportMs => ({ stallReportMs })),
    ...given(settings.value('stall-restart-ms', integer), stallRestartMs => ({ stallRestartMs })),
    ...given(settings.value('engine-max-rss', integer), engineMaxRss => ({ engineMaxRss })),
    ...given(settings.value('reflection', reflection), value => ({ reflection: value })),
    ...engineConfig(settings),
    defaults: { sampling: sampling(settings) ?? {}, speculation: speculation(settings) ?? {} },
    models: draft === undefined ? [target] : [target, draft],
  });
}

/** What the flags say of the engine. @throws CommandFailure USAGE */
export function engineConfig(settings: Settings): Partial<ServerConfig> {
  return {
    ...given(settings.text('llama-dir'), llamaDir => ({ llamaDir })),
    ...given(settings.value('rpc', list), rpc => ({ rpc })),
  };
}

/** @throws CommandFailure USAGE for flags of the engine beside `--address`: the server there has its own */
export function refuseEngineFlags(settings: Settings): void {
  const flag = ENGINE_FLAGS.find(({ name }) => settings.get(name)?.from === 'flag');
  if (flag === undefined || settings.text('address') === undefined) return;
  throw usage(`--address and --${flag.name} exclude each other: the server there has its own`);
}

/** A complete configuration. @throws CommandFailure USAGE with the flag of every wrong key */
export function checkedConfig(partial: Partial<ServerConfig>): ServerConfig {
  try {
    return serverConfig(partial);
  } catch (error) {
    if (!(error instanceof CodedError) || error.reason !== 'INVALID_FIELD') throw error;
    const complaints = error.violations.map(
      ({ field, description }) => `${flagOf(field)}: ${description}`,
    );
    throw usage(complaints.join('; '));
  }
}

function listen(settings: Settings): string | undefined {
  const setting = settings.get('listen');
  const other = [settings.get('host'), settings.get('port')].find(one => one?.from === 'flag');
  if (setting?.from === 'flag' && other !== undefined) {
    throw usage(`--listen and ${other.origin} exclude each other`);
  }
  // A variable is there for every start; what is typed for this one is stronger.
  return other === undefined ? settings.text('listen') : undefined;
}

function given<Value>(
  value: Value | undefined,
  setting: (value: Value) => Partial<ServerConfig>,
): Partial<ServerConfig> {
  return value === undefined ? {} : setting(value);
}

/** The flag of a key of the configuration. */
export function flagOf(field: string): string {
  const [key = ''] = field.split('.');
  const name = key.replace(/[A-Z]/g, letter => `-${letter.toLowerCase()}`);
  // A list is a flag that may be repeated, and so its name is that of one.
  const known = [...SERVE_FLAGS, ...ENGINE_FLAGS].some(flag => flag.name === name);
  return `--${known ? name : name.replace(/s$/, '')}`;
}

const reflection = choice<ServerConfig['reflection']>({ auto: 'auto', on: 'on', off: 'off' });
