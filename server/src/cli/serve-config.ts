import { CodedError } from '../coded-error.js';
import { type ServerConfig } from '../config/config.js';
import { validateConfig } from '../rpc/start-models.js';
import { type ConfigFile, readConfigFile } from './config-file.js';
import { defaultParams } from './default-params.js';
import { usage } from './failure.js';
import { configOf, originOf } from './server-config.js';
import { type Settings } from './settings.js';
import { type StartModels, startModels } from './start-models.js';

/** What `serve` starts, from flags, environment and file. */
export interface ServeConfig {
  readonly config: ServerConfig;
  readonly models: StartModels;
  /** What the person wrote for a key of the configuration. */
  readonly nameOf: (field: string) => string;
}

/**
 * Joins flags and environment with the file of `--config`: a flag beats the environment, which beats the file.
 * @throws CommandFailure USAGE that names the flag, the variable, or the file with line and key
 */
export async function serveConfig(given: Settings): Promise<ServeConfig> {
  const file = await configFile(given);
  const settings = given.over(file?.settings ?? new Map());
  const models = startModels(settings, file);
  const config = configOf(settings, {
    defaults: defaultParams(settings, file?.defaults),
    models: models.requests,
  });
  return { config, models, nameOf: field => originOf(settings, field) };
}

/** The file of `--config`, if there is one, with models and defaults that a request could ask for. */
async function configFile(settings: Settings): Promise<ConfigFile | undefined> {
  const path = settings.text('config');
  if (path === undefined) return undefined;
  const file = await readConfigFile(path);
  const { sampling = {}, speculation = {} } = file.defaults;
  try {
    validateConfig({ defaults: { sampling, speculation }, models: file.models ?? [] });
  } catch (error) {
    throw inFile(CodedError.from(error), file);
  }
  return file;
}

function inFile(error: CodedError, file: ConfigFile): unknown {
  const { violations, metadata, message } = error;
  const field = metadata['field'];
  if (violations.length > 0) {
    return usage(violations.map(each => `${file.at(each.field)}: ${each.description}`).join('; '));
  }
  return field === undefined ? error : usage(`${file.at(field)}: ${message}`);
}
