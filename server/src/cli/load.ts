import { type LoadModelRequest, type Model, Role, UnavailablePolicy } from '@outrider/sdk/proto';
import { modelName, withServer } from './client.js';
import { type Invocation } from './command.js';
import { usage } from './failure.js';
import { choice } from './flags/values.js';
import { loadModel } from './loading.js';
import { modelsTable } from './models.js';
import { type ModelPair, modelPair } from './pair.js';
import { type Settings } from './settings.js';

/** `outrider load`: puts a model, and the draft given with it, onto a server. */
export async function load(invocation: Invocation): Promise<void> {
  const { io, json, settings } = invocation;
  const requests = loadRequests(settings);
  await withServer(invocation, async connection => {
    const loaded: Model[] = [];
    for (const request of requests) loaded.push(await loadModel(connection, request, { io, json }));
    if (!json) await io.write(modelsTable(loaded));
  });
}

/**
 * The loads that the flags ask for, in order: the model, then its draft.
 * @throws CommandFailure USAGE for flags that exclude or miss each other
 */
export function loadRequests(settings: Settings): LoadModelRequest[] {
  const pair = modelPair(settings, { paths: 'server', withoutModel: 'refuse' });
  const requests = pair.draft === undefined ? [pair.target] : [pair.target, pair.draft];
  applyRole(settings, pair);
  if (settings.isOn('best-effort')) {
    const drafts = requests.filter(request => request.draftFor !== '');
    if (drafts.length === 0) throw usage('--best-effort needs --draft-for or --model-draft');
    for (const draft of drafts) draft.onUnavailable = UnavailablePolicy.BEST_EFFORT;
  }
  for (const request of requests) {
    request.replace = settings.isOn('replace');
    request.detached = settings.isOn('detach-load');
  }
  return requests;
}

function applyRole(settings: Settings, { target, draft }: ModelPair): void {
  const draftFor = settings.text('draft-for');
  if (draftFor !== undefined) {
    if (draft !== undefined) throw usage('--draft-for and --model-draft exclude each other');
    target.draftFor = modelName(draftFor);
  }
  target.role = settings.value('role', role) ?? Role.UNSPECIFIED;
}

const role = choice({ target: Role.TARGET, draft: Role.DRAFT });
