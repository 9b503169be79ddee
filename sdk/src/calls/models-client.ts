import { refuseUnknown } from '../convert/presence.js';
import { loadStage } from '../convert/enums.js';
import { writeLoadRequest } from '../convert/load-request.js';
import { readModel } from '../convert/model.js';
import { readPlan, writePlanRequest } from '../convert/plan.js';
import { IncompleteStreamError } from '../errors/failures.js';
import { type LoadModelResponse, type Model as WireModel } from '../proto.js';
import { type Connection } from '../transport/connection.js';
import { type CallOptions } from '../types/call.js';
import { type Models, type UnloadOptions } from '../types/clients.js';
import { type LoadOptions } from '../types/load.js';
import { type Model } from '../types/model.js';
import { mergeCalls, wireOptions } from './call-settings.js';
import { LoadCall, type LoadEvent } from './load-call.js';
import { ModelList } from './model-list.js';

/** Models of the server behind a connection. */
export function modelsClient({ models }: Connection, defaults: CallOptions): Models {
  const options = (call: CallOptions | undefined) => wireOptions(mergeCalls(defaults, call));
  return {
    load: (request: LoadOptions, call) => {
      const message = writeLoadRequest(request);
      const settings = options(call);
      return new LoadCall(signal => loadEvents(models.loadModel(message, { ...settings, signal })));
    },
    get: async (name, call) => present((await models.getModel({ name }, options(call))).model),
    list: call => {
      const settings = options(call);
      return new ModelList(pageToken => models.listModels({ pageToken }, settings));
    },
    unload: async (name, how = {}, call) =>
      // A second attempt after a lost answer would find the model gone and report a success as a failure.
      models.unloadModel({ name, ...unloadFields(how) }, { ...options(call), repeatable: false }),
    plan: async (request, call) =>
      readPlan(await models.planModel(writePlanRequest(request), options(call))),
    setDefaultDraft: async (target, draft, call) =>
      present((await models.setDefaultDraft({ target, draft: draft ?? '' }, options(call))).target),
  };
}

async function* loadEvents(
  responses: AsyncIterable<LoadModelResponse>,
): AsyncGenerator<LoadEvent, void, undefined> {
  for await (const { event } of responses) {
    if (event?.$case === 'model') yield { type: 'model', model: readModel(event.value) };
    if (event?.$case === 'progress') {
      const progress = { ...event.value, stage: loadStage.read(event.value.stage) };
      yield { type: 'progress', progress };
    }
  }
}

function unloadFields({ drainTimeoutMs, force, detach, ...unknown }: UnloadOptions) {
  refuseUnknown(unknown, '');
  return {
    ...(drainTimeoutMs !== undefined && { drainTimeoutMs }),
    force: force ?? false,
    detach: detach ?? false,
  };
}

function present(model: WireModel | undefined): Model {
  if (model === undefined) throw new IncompleteStreamError('the answer has no model in it');
  return readModel(model);
}
