import { readLoadRequest } from '../convert/load-request.js';
import { writeModel } from '../convert/model.js';
import { ModelNotFoundError } from '../errors/failures.js';
import { OutriderError } from '../errors/outrider-error.js';
import {
  type LoadModelRequest,
  LoadStage,
  type LoadModelServiceImplementation,
  type Model as WireModel,
} from '../proto.js';
import { type Model } from '../types/model.js';

/** The models of a fake server, by full name. */
export type FakeModels = Map<string, Partial<Model>>;

/** `models/{id}`, whichever way it was said. */
export function fullName(name: string): string {
  return name.startsWith('models/') ? name : `models/${name}`;
}

/** The model of that name. @throws ModelNotFoundError */
export function findModel(models: FakeModels, name: string): Partial<Model> {
  const model = models.get(fullName(name));
  if (model === undefined)
    throw new ModelNotFoundError(`no model ${fullName(name)}`, {
      code: 'NOT_FOUND',
      reason: 'MODEL_NOT_FOUND',
    });
  return model;
}

/** Loads at once whatever is asked for; a model that is there is answered as it is. */
export function fakeLoadModelService(
  models: FakeModels,
  note: (request: unknown) => void,
): LoadModelServiceImplementation {
  return {
    async *loadModel(request) {
      note(readLoadRequest(request));
      const name = fullName(request.modelId);
      const target = request.draftFor === '' ? undefined : findModel(models, request.draftFor);
      for (const stage of [LoadStage.RESOLVING, LoadStage.LOADING, LoadStage.WARMING_UP])
        for (const fraction of [0, 1])
          yield { event: { $case: 'progress', value: { stage, fraction } } };
      const model = models.get(name) ?? loaded(name, request);
      models.set(name, model);
      if (target !== undefined) pair(models, fullName(request.draftFor), name);
      yield { event: { $case: 'model', value: writeModel(model) } };
    },
    getModel: async ({ name }) => {
      note({ name });
      return { model: writeModel(findModel(models, name)) };
    },
    listModels: async ({ pageSize, pageToken }) => {
      note({ pageSize, pageToken });
      return page([...models.keys()].sort(), models, pageSize || 100, pageToken);
    },
    unloadModel: async ({ name, drainTimeoutMs, force, detach }) => {
      note({ name, drainTimeoutMs, force, detach });
      findModel(models, name);
      models.delete(fullName(name));
      return {};
    },
    setDefaultDraft: async ({ target, draft }) => {
      note({ target, draft });
      findModel(models, target);
      if (draft !== '') findModel(models, draft);
      return { target: pair(models, fullName(target), draft === '' ? '' : fullName(draft)) };
    },
    planModel: async () => {
      throw new OutriderError('a fake server cannot plan', {
        code: 'UNIMPLEMENTED',
        reason: 'NOT_SUPPORTED',
      });
    },
  };
}

function loaded(name: string, request: LoadModelRequest): Partial<Model> {
  const { path, uri, sha256, role, options, placement, draftFor } = readLoadRequest(request);
  return {
    name,
    state: 'ready',
    role: role ?? (draftFor === undefined ? 'target' : 'draft'),
    source: { path, uri, sha256 },
    options: options ?? {},
    requestedPlacement: placement,
    engine: request.engine || 'default',
    loadTime: new Date(),
  };
}

function pair(models: FakeModels, target: string, draft: string): WireModel {
  const defaultDraft = draft === '' ? undefined : { draftModel: draft, available: true };
  const paired = { ...findModel(models, target), defaultDraft };
  models.set(target, paired);
  return writeModel(paired);
}

function page(names: readonly string[], models: FakeModels, size: number, token: string) {
  const start = Number(token);
  const shown = names.slice(start, start + size);
  return {
    models: shown.map(name => writeModel(findModel(models, name))),
    nextPageToken: start + size < names.length ? String(start + size) : '',
  };
}
