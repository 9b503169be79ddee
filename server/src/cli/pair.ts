import { basename, resolve } from 'node:path';
import { LoadModelRequest, type ModelSource } from '@outrider/sdk/proto';
import { usage } from './failure.js';
import { type Side, SIDE_FLAGS } from './flags/model-flags.js';
import { placementOf, SHARED_PLACEMENT_FLAGS } from './flags/placement-flags.js';
import { SHARED_FLAGS } from './flags/runtime-flags.js';
import { type Settings } from './settings.js';

/** The models that the flags describe, ready to be loaded one after the other. */
export interface ModelPair {
  readonly target: LoadModelRequest;
  /** Names the target in `draftFor`, which makes DRAFT its role. */
  readonly draft: LoadModelRequest | undefined;
  /** No model was named: these are the two that come with Outrider. */
  readonly embedded: boolean;
}

/** How model flags are read. */
export interface PairOptions {
  /** Whose working directory relative paths belong to: ours (they become absolute) or the server's. */
  readonly paths: 'ours' | 'server';
  /** Without `--model`: take the embedded pair, or refuse. */
  readonly withoutModel: 'embedded' | 'refuse';
}

/**
 * Reads the model flags.
 * @throws CommandFailure USAGE for values that cannot be, a missing `--model`, an id that cannot be made,
 * and draft flags on the command line where there is no draft
 */
export function modelPair(settings: Settings, options: PairOptions): ModelPair {
  const model = settings.text('model');
  const draftModel = settings.text('model-draft');
  if (model === undefined && draftModel !== undefined) throw usage('--model-draft needs --model');
  if (model === undefined && options.withoutModel === 'refuse') throw usage('--model is missing');
  const embedded = model === undefined;
  const target = request('target', model ?? 'embedded:target', settings, options);
  const draftText = embedded ? 'embedded:draft' : draftModel;
  if (draftText === undefined) {
    refuseDraftFlags(settings);
    return { target, draft: undefined, embedded };
  }
  const draft = request('draft', draftText, settings, options);
  if (draft.modelId === target.modelId && settings.get('alias-draft') === undefined) {
    draft.modelId = `${draft.modelId}-draft`;
  }
  draft.draftFor = `models/${target.modelId}`;
  if (embedded) placeEmbedded(draft);
  return { target, draft, embedded };
}

/** What stderr says of a pair that nobody named; undefined when the models were named. */
export function embeddedNote({ draft, embedded }: ModelPair): string | undefined {
  if (!embedded) return undefined;
  const devices = draft?.placement?.devices.join(',') ?? '';
  const placement = devices === '' ? '' : ` with placement ${devices}`;
  return `no --model given: using the embedded pair, embedded:target and embedded:draft${placement}`;
}

/** A source as `--model` takes it: a URI of a known scheme, else a path. */
export function modelSource(text: string, paths: PairOptions['paths']): ModelSource {
  const source: ModelSource['source'] = /^(hf|https?|embedded):/.test(text)
    ? { $case: 'uri', value: text }
    : { $case: 'path', value: paths === 'ours' ? resolve(text) : text };
  return { source, sha256: '' };
}

/** The id of a model that was given none: its file name without extension. @throws CommandFailure USAGE */
export function defaultId(source: string): string {
  const file = basename(source.replaceAll('\\', '/')).replace(/^(embedded|hf):/, '');
  const id = file.replace(/\.gguf$/i, '').replaceAll(':', '-');
  if (!/^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$/.test(id)) {
    throw usage(`"${source}" does not make a model id; give one with --alias (or --alias-draft)`);
  }
  return id;
}

function request(side: Side, source: string, settings: Settings, options: PairOptions) {
  const alias = settings.text(side === 'target' ? 'alias' : 'alias-draft');
  const made = LoadModelRequest.fromPartial({
    modelId: alias ?? defaultId(source),
    source: modelSource(source, options.paths),
  });
  settings.apply(SIDE_FLAGS[side], made);
  settings.apply(SHARED_FLAGS, made);
  settings.apply(SHARED_PLACEMENT_FLAGS, made);
  return made;
}

// Only what was typed is refused: a variable may be set for other commands too.
function refuseDraftFlags(settings: Settings): void {
  const orphan = [...SIDE_FLAGS.draft.map(flag => flag.name), 'alias-draft']
    .map(name => settings.get(name))
    .find(setting => setting?.from === 'flag');
  if (orphan !== undefined) throw usage(`${orphan.origin} needs --model-draft`);
}

// The very request of the quick start, which therefore joins a server that was started without --model.
function placeEmbedded(draft: LoadModelRequest): void {
  const { devices = [], gpuLayers } = draft.placement ?? {};
  if (devices.length === 0 && gpuLayers === undefined) placementOf(draft).devices = ['none'];
}
