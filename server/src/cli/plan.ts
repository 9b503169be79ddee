import {
  type Concession,
  type DevicePlan,
  type DeviceUsage,
  type ModelPlan,
  PlanModelRequest,
  PlanModelResponse,
  PlanPolicy,
} from '@outrider/sdk/proto';
import { type ServerConfig } from '../config/config.js';
import { withServer } from './client.js';
import { refuseAccessFlags } from './client-access.js';
import { type Invocation } from './command.js';
import { CommandFailure, EXIT } from './failure.js';
import { choice } from './flags/values.js';
import { note, writeJson } from './io.js';
import { embeddedNote, modelPair } from './pair.js';
import { engineConfig, refuseEngineFlags } from './server-config.js';
import { humanBytes, renderTable } from './table.js';

/**
 * `outrider plan`: where the models of the flags would go, on a private server or on the one at `--address`.
 * @throws CommandFailure exit 5 after the plan was printed, when it does not fit
 */
export async function plan(invocation: Invocation): Promise<void> {
  const { settings, io, json } = invocation;
  const address = settings.text('address');
  refuseEngineFlags(settings);
  if (address === undefined) refuseAccessFlags(settings);
  const paths = address === undefined ? 'ours' : 'server';
  const pair = modelPair(settings, { paths, withoutModel: 'embedded' });
  const policy = settings.value('policy', planPolicy) ?? PlanPolicy.UNSPECIFIED;
  const request = PlanModelRequest.fromPartial({ target: pair.target, draft: pair.draft, policy });
  const remark = embeddedNote(pair);
  if (remark !== undefined) note(io, remark);
  const ask = (at?: string): Promise<PlanModelResponse> =>
    withServer(invocation, ({ models }) => models.planModel(request), at);
  const answer =
    address === undefined ? await askPrivately(engineConfig(settings), ask) : await ask();
  if (json) await writeJson(io, PlanModelResponse.toJSON(answer));
  else await io.write(planText(answer));
  for (const { code, message } of answer.warnings) note(io, `${code}: ${message}`);
  if (!answer.fits) throw doesNotFit();
}

/** A plan for people: the models, the devices, and what would be given up. */
export function planText(answer: PlanModelResponse): string {
  const models = [
    ...(answer.target === undefined ? [] : [modelRow('target', answer.target)]),
    ...(answer.draft === undefined ? [] : [modelRow('draft', answer.draft)]),
  ];
  const given = answer.concessions.map(concessionRow);
  return [
    renderTable(
      ['MODEL', 'DEVICES', 'LAYERS', 'CONTEXT', 'WEIGHTS', 'KV CACHE', 'COMPUTE'],
      models,
    ),
    renderTable(
      ['DEVICE', 'TOTAL', 'FREE', 'MARGIN', 'TARGET', 'DRAFT', 'FITS'],
      answer.devices.map(deviceRow),
    ),
    ...(given.length === 0 ? [] : [renderTable(['GIVE UP', 'NEEDED'], given)]),
    `${answer.outlook}\n`,
  ].join('\n');
}

const planPolicy = choice({
  'draft-first': PlanPolicy.DRAFT_FIRST,
  'context-first': PlanPolicy.CONTEXT_FIRST,
});

async function askPrivately<Answer>(
  engine: Partial<ServerConfig>,
  ask: (address: string) => Promise<Answer>,
): Promise<Answer> {
  const { startPrivateServer } = await import('./private-server.js');
  await using server = await startPrivateServer(engine);
  return await ask(server.address);
}

function doesNotFit(): CommandFailure {
  const reason = 'INSUFFICIENT_DEVICE_MEMORY';
  const text = 'it does not fit as requested; the plan says what could be given up';
  return new CommandFailure(EXIT.doesNotFit, 'RESOURCE_EXHAUSTED', reason, text);
}

function modelRow(name: string, { placement, options }: ModelPlan): string[] {
  const usage = placement?.usage ?? [];
  const sum = (of: (each: DeviceUsage) => number): string =>
    humanBytes(usage.reduce((total, each) => total + of(each), 0));
  return [
    name,
    placement?.devices.join(',') || 'cpu',
    `${placement?.gpuLayers ?? 0}/${placement?.totalLayers ?? 0}`,
    `${options?.contextLength ?? 0} x ${options?.parallelSequences ?? 1}`,
    sum(({ weightsBytes }) => weightsBytes),
    sum(({ kvCacheBytes }) => kvCacheBytes),
    sum(({ computeBytes }) => computeBytes),
  ];
}

function deviceRow({
  device,
  totalBytes,
  freeBytes,
  marginBytes,
  target,
  draft,
  fits,
}: DevicePlan) {
  return [
    device,
    ...[totalBytes, freeBytes, marginBytes].map(humanBytes),
    target === undefined ? '-' : humanBytes(target.totalBytes),
    draft === undefined ? '-' : humanBytes(draft.totalBytes),
    fits ? 'yes' : 'no',
  ];
}

function concessionRow({ description, needed }: Concession): string[] {
  return [description, needed ? 'yes' : 'no, the next'];
}
