import { CodedError } from '../coded-error.js';
import { serverConfig, type ServerConfig } from '../config/config.js';
import { usage } from './failure.js';
import { ENGINE_FLAGS } from './flags/serve-flags.js';
import { choice, integer, list } from './flags/values.js';
import { type Settings } from './settings.js';

/**
 * The server that the flags of `serve`, the environment and a file describe.
 * @throws CommandFailure USAGE that names the flag, the variable, or the file and its key
 */
export function configOf(
  settings: Settings,
  contents: Pick<ServerConfig, 'defaults' | 'models'>,
): ServerConfig {
  const modelRoots = settings.texts('model-root');
  const partial = {
    ...given(settings.text('host'), host => ({ host })),
    ...given(settings.value('port', integer), port => ({ port })),
    ...given(listen(settings), value => ({ listen: value })),
    ...given(settings.text('admin'), admin => ({ admin })),
    ...(modelRoots.length === 0 ? {} : { modelRoots }),
    ...(settings.isOn('insecure') ? { insecure: true } : {}),
    ...(settings.isOn('allow-synthetic') ? { allowSynthetic: true } : {}),
    ...(settings.isOn('no-cache-prompt') ? { cachePrompt: false } : {}),
    ...given(settings.text('tls-cert'), tlsCert => ({ tlsCert })),
    ...given(settings.text('tls-key'), tlsKey => ({ tlsKey })),
    ...given(settings.text('tls-ca'), tlsCa => ({ tlsCa })),
    ...given(settings.text('api-key-file'), apiKeyFile => ({ apiKeyFile })),
    ...given(settings.value('max-queue', integer), maxQueue => ({ maxQueue })),
    ...given(settings.value('slow-consumer-ms', integer), slowConsumerMs => ({ slowConsumerMs })),
    ...given(settings.value('drain-ms', integer), drainMs => ({ drainMs })),
    ...given(settings.value('drain-delay-ms', integer), drainDelayMs => ({ drainDelayMs })),
    ...given(settings.value('stall-report-ms', integer), stallReportMs => ({ stallReportMs })),
    ...given(settings.value('stall-restart-ms', integer), stallRestartMs => ({ stallRestartMs })),
    ...given(settings.value('engine-max-rss', integer), engineMaxRss => ({ engineMaxRss })),
    ...given(settings.value('reflection', reflection), value => ({ reflection: value })),
    ...given(settings.text('state-dir'), stateDir => ({ stateDir })),
    ...engineConfig(settings),
    ...contents,
  };
  return checkedConfig(partial, field => originOf(settings, field));
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

/**
 * A complete configuration.
 * @param nameOf what the person wrote for a key of the configuration @default its flag
 * @throws CommandFailure USAGE with the name of every wrong key
 */
export function checkedConfig(
  partial: Partial<ServerConfig>,
  nameOf: (field: string) => string = flagOf,
): ServerConfig {
  try {
    return serverConfig(partial);
  } catch (error) {
    if (!(error instanceof CodedError) || error.reason !== 'INVALID_FIELD') throw error;
    const complaints = error.violations.map(
      ({ field, description }) => `${nameOf(field)}: ${description}`,
    );
    throw usage(complaints.join('; '));
  }
}

/** The stronger of a socket and of host and port: flag, environment, file. */
function listen(settings: Settings): string | undefined {
  const socket = settings.get('listen');
  const [tcp] = [settings.get('host'), settings.get('port')]
    .filter(each => each !== undefined)
    .sort((a, b) => STRENGTH[b.from] - STRENGTH[a.from]);
  if (socket === undefined || tcp === undefined) return settings.text('listen');
  if (socket.from !== tcp.from) {
    return STRENGTH[socket.from] > STRENGTH[tcp.from] ? settings.text('listen') : undefined;
  }
  // Variables are there for every start, each for its own reason; what is written for this one must be meant.
  if (socket.from === 'environment') return settings.text('listen');
  throw usage(`${socket.origin} and ${tcp.origin} exclude each other`);
}

const STRENGTH = { flag: 2, environment: 1, file: 0 } as const;

function given<Value>(
  value: Value | undefined,
  setting: (value: Value) => Partial<ServerConfig>,
): Partial<ServerConfig> {
  return value === undefined ? {} : setting(value);
}

/** The flag of a key of the configuration. */
export function flagOf(field: string): string {
  return `--${flagName(field)}`;
}

/** What the person wrote for a key of the configuration: a flag, a variable, or a file's key; a flag if nobody did. */
export function originOf(settings: Settings, field: string): string {
  return settings.get(flagName(field))?.origin ?? flagOf(field);
}

function flagName(field: string): string {
  const [key = ''] = field.split('.');
  // Lists of the configuration are flags that are given once for each entry.
  const name = key === 'modelRoots' ? 'modelRoot' : key;
  return name.replace(/[A-Z]/g, letter => `-${letter.toLowerCase()}`);
}

const reflection = choice<ServerConfig['reflection']>({ auto: 'auto', on: 'on', off: 'off' });
