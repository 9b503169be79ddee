import { ListModelsResponse, type Model, RuntimeOptions } from '@outrider/sdk/proto';
import { withServer } from './client.js';
import { type Invocation } from './command.js';
import { writeJson } from './io.js';
import { enumWord, humanBytes, renderTable } from './table.js';

/** `outrider models`: every model of a server, as a table or as the pages of ListModels. */
export async function listModels(invocation: Invocation): Promise<void> {
  const { io, json } = invocation;
  await withServer(invocation, async connection => {
    const models: Model[] = [];
    let pageToken = '';
    do {
      const page = await connection.models.listModels({ pageToken });
      if (json) await writeJson(io, ListModelsResponse.toJSON(page));
      models.push(...page.models);
      pageToken = page.nextPageToken;
    } while (pageToken !== '');
    if (!json) await io.write(models.length === 0 ? 'no models are loaded\n' : modelsTable(models));
  });
}

/** A table of models for people. */
export function modelsTable(models: readonly Model[]): string {
  const headings = [
    'NAME',
    'STATE',
    'ROLE',
    'DEVICES',
    'LAYERS',
    'CONTEXT',
    'SIZE',
    'STREAMS',
    'DRAFT',
  ];
  return renderTable(headings, models.map(modelRow));
}

function modelRow(model: Model): string[] {
  const { placement, info, options = RuntimeOptions.fromPartial({}) } = model;
  const { contextLength, parallelSequences } = options;
  return [
    model.name,
    enumWord(model.state, 'MODEL_STATE_') + because(model.stateError?.reason),
    enumWord(model.role, 'ROLE_'),
    placement === undefined ? '-' : placement.devices.join(',') || 'cpu',
    placement === undefined ? '-' : `${placement.gpuLayers}/${placement.totalLayers}`,
    contextLength === undefined ? '-' : `${contextLength} x ${parallelSequences ?? 1}`,
    info === undefined ? '-' : humanBytes(info.fileBytes),
    `${model.activeGenerations} + ${model.queuedGenerations} queued`,
    draftCell(model),
  ];
}

function draftCell({ defaultDraft, activeDrafts }: Model): string {
  if (defaultDraft === undefined) return activeDrafts === 0 ? '-' : `drafts for ${activeDrafts}`;
  const { draftModel, available, offReason } = defaultDraft;
  return available
    ? draftModel
    : draftModel + because(enumWord(offReason, 'SPECULATION_OFF_REASON_'));
}

function because(reason: string | undefined): string {
  return reason === undefined || reason === '' ? '' : ` (${reason})`;
}
