import { type Engine } from '../engine/engine.js';
import { DEFAULT_ENGINE } from '../engine/engine-pool.js';
import {
  type DeviceInfo,
  type DevicePlan,
  type DeviceUsage,
  type PlanModelRequest,
  type PlanModelResponse,
  Role,
  type RuntimeOptions,
} from '@outrider/sdk/proto';
import { CodedError, invalidField } from '../coded-error.js';
import { type LoadSpec, type PlannedModel } from '../engine/protocol.js';
import { concede, type Concessions, type PlanNeed, type PlanSettings } from './concessions.js';
import { memoryNeeds } from './memory.js';
import { concessionView, outlookOf, payOf } from './plan-outlook.js';
import {
  modelPlan,
  type PlanGround,
  planMember,
  type PlanMember,
  settingsOf,
  specWith,
} from './plan-member.js';
import { type ReadyModel } from './record.js';
import { type Shelf } from './shelf.js';

/** The models of one plan. */
export interface PlannedPair {
  readonly target: PlanMember | undefined;
  readonly draft: PlanMember | undefined;
  /** The loaded target that the draft is for, when the plan has none of its own. */
  readonly loaded: ReadyModel | undefined;
}

/**
 * Works out what loads would do. Nothing is loaded.
 * @throws CodedError as the loads would before they read weights, but for a lack of memory
 */
export async function planModels(
  request: PlanModelRequest,
  shelf: Shelf,
  signal: AbortSignal,
): Promise<PlanModelResponse> {
  const { target, draft } = request;
  const name = target?.engine || draft?.engine || DEFAULT_ENGINE;
  const devices = [target, draft].flatMap(side => side?.placement?.devices ?? []);
  return shelf.homes.visit(name, devices, async engine => {
    const ground = await groundOf(request, engine, shelf, signal);
    return planOn(ground, request);
  });
}

async function planOn(ground: PlanGround, request: PlanModelRequest): Promise<PlanModelResponse> {
  const pair = await planPair(request, ground);
  const margins = [pair.target, pair.draft].map(member => member?.marginBytes ?? 0);
  const marginBytes = Math.max(...margins);
  const held = request.assumeEmpty ? (pair.loaded?.loaded.placement.usage ?? []) : [];
  const judge = (usages: readonly DeviceUsage[]): PlanNeed =>
    needOf([...held, ...usages], ground.devices, marginBytes);
  const asked: PlanSettings = {
    target: pair.target && settingsOf(pair.target),
    draft: pair.draft && settingsOf(pair.draft),
  };
  const concessions = await concede(asked, request.policy, async settings =>
    judge(await usagesOf(settings, pair, ground)),
  );
  return respond(pair, concessions, ground, { marginBytes, held });
}

async function groundOf(
  { assumeEmpty }: PlanModelRequest,
  engine: Engine,
  shelf: Shelf,
  signal: AbortSignal,
): Promise<PlanGround> {
  const inventory = await engine.inventory();
  const devices = inventory.devices.map(device =>
    assumeEmpty ? { ...device, freeBytes: device.totalBytes } : device,
  );
  const known = new Map<string, Promise<PlannedModel>>();
  const plan = (spec: LoadSpec): Promise<PlannedModel> => {
    signal.throwIfAborted();
    const key = JSON.stringify({ ...spec, model: '' });
    const planned = known.get(key) ?? engine.plan(spec);
    known.set(key, planned);
    return planned;
  };
  return { shelf, inventory, devices, plan };
}

async function planPair(request: PlanModelRequest, ground: PlanGround): Promise<PlannedPair> {
  const { target: wanted, draft: wish, assumeEmpty } = request;
  if (wanted === undefined && wish === undefined)
    throw invalidField('target', 'target and draft are missing; one at least is needed');
  const loaded =
    wanted === undefined && wish !== undefined ? ground.shelf.ready(wish.draftFor) : undefined;
  const target =
    wanted && (await planSide('target', wanted, ground, { beside: [], target: undefined }));
  if (wish === undefined) return { target, draft: undefined, loaded };
  const options: RuntimeOptions | undefined = target?.planned.options ?? loaded?.loaded.options;
  const own = target?.planned.placement.usage ?? [];
  const beside = assumeEmpty ? [...own, ...(loaded?.loaded.placement.usage ?? [])] : own;
  const role = wish.role === Role.UNSPECIFIED ? Role.DRAFT : wish.role;
  const pair = { beside, target: options };
  const draft = await planSide('draft', { ...wish, role }, ground, pair);
  return { target, draft, loaded };
}

/** Plans one model; what is wrong with its fields is told by their path in the plan's request. */
async function planSide(
  side: 'target' | 'draft',
  ...planned: Parameters<typeof planMember>
): Promise<PlanMember> {
  try {
    return await planMember(...planned);
  } catch (error) {
    throw CodedError.from(error).within(side);
  }
}

function needOf(
  usages: readonly DeviceUsage[],
  devices: readonly DeviceInfo[],
  marginBytes: number,
): PlanNeed {
  const needs = memoryNeeds(usages, devices, marginBytes);
  return {
    fits: needs.every(({ fits }) => fits),
    bytes: new Map(needs.map(({ device, neededBytes }) => [device, neededBytes])),
    short: new Set(needs.filter(({ fits }) => !fits).map(({ device }) => device)),
  };
}

async function usagesOf(
  settings: PlanSettings,
  { target, draft }: PlannedPair,
  { plan }: PlanGround,
): Promise<DeviceUsage[]> {
  const specs = [
    ...(target && settings.target ? [specWith(target, settings.target)] : []),
    ...(draft && settings.draft ? [specWith(draft, settings.draft)] : []),
  ];
  const planned: PlannedModel[] = [];
  for (const spec of specs) planned.push(await plan(spec));
  return planned.flatMap(({ placement }) => placement.usage);
}

function respond(
  pair: PlannedPair,
  concessions: Concessions,
  { devices, shelf }: PlanGround,
  memory: { readonly marginBytes: number; readonly held: readonly DeviceUsage[] },
): PlanModelResponse {
  const { target, draft, loaded } = pair;
  const { settings, steps } = concessions;
  const fits = steps.length === 0 && concessions.fits;
  const pay = payOf(pair, shelf);
  return {
    fits,
    target: target
      ? modelPlan(target, settings.target)
      : loaded && {
          placement: loaded.loaded.placement,
          options: loaded.loaded.options,
          info: loaded.loaded.info,
          suggestion: undefined,
        },
    draft: draft && modelPlan(draft, settings.draft),
    devices: devicePlans(pair, devices, memory),
    concessions: steps.map(concessionView),
    expectedToPay: pay === undefined ? undefined : pay > 1,
    expectedSpeedup: pay,
    outlook: outlookOf(fits, concessions, pay, draft !== undefined),
    warnings: [...(target?.warnings ?? []), ...(draft?.warnings ?? [])],
  };
}

function devicePlans(
  { target, draft }: PlannedPair,
  devices: readonly DeviceInfo[],
  { marginBytes, held }: { readonly marginBytes: number; readonly held: readonly DeviceUsage[] },
): DevicePlan[] {
  const own = target?.planned.placement.usage ?? held;
  const drafts = draft?.planned.placement.usage ?? [];
  return memoryNeeds([...own, ...drafts], devices, marginBytes).map((need, i) => ({
    device: need.device,
    totalBytes: devices[i]?.totalBytes ?? 0,
    freeBytes: need.freeBytes,
    marginBytes,
    target: own.find(({ device }) => device === need.device),
    draft: drafts.find(({ device }) => device === need.device),
    neededBytes: need.neededBytes,
    fits: need.fits,
  }));
}
