import { type LoadModelRequest } from '@outrider/sdk/proto';
import { type ConfigFile } from './config-file.js';
import { usage } from './failure.js';
import { MODEL_FLAGS } from './flags/model-flags.js';
import { embeddedNote, modelPair } from './pair.js';
import { type Settings } from './settings.js';

/** The models that a server begins with. */
export interface StartModels {
  /** In the order of loading. */
  readonly requests: readonly LoadModelRequest[];
  /** They are `models:` of the configuration file; one that fails does not end the server. */
  readonly manifest: boolean;
  /** What the person should know of the choice. */
  readonly remark: string | undefined;
}

/**
 * The pair of `--model`, else the file's `models:`, else the embedded pair.
 * @throws CommandFailure USAGE as `modelPair`, and for model flags on the command line beside the file's models
 */
export function startModels(settings: Settings, file: ConfigFile | undefined): StartModels {
  if (settings.text('model') === undefined && file?.models !== undefined) {
    refuseModelFlags(settings, file.path);
    return { requests: file.models, manifest: true, remark: undefined };
  }
  const pair = modelPair(settings, { paths: 'ours', withoutModel: 'embedded' });
  const { target, draft } = pair;
  return {
    requests: draft === undefined ? [target] : [target, draft],
    manifest: false,
    remark: embeddedNote(pair),
  };
}

// Only what was typed is refused: a variable may be set for other starts too.
function refuseModelFlags(settings: Settings, path: string): void {
  const orphan = MODEL_FLAGS.map(({ name }) => settings.get(name)).find(
    setting => setting?.from === 'flag',
  );
  if (orphan !== undefined) {
    throw usage(`${orphan.origin} needs --model: the models are those of ${path}`);
  }
}
