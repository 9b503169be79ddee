import {
  type DeviceInfo,
  DevicePlacement,
  type DeviceUsage,
  type LoadModelRequest,
  type ModelPlan,
  type RuntimeOptions,
  SplitMode,
  type Warning,
} from '@outrider/sdk/proto';
import { type EngineInventory, type LoadSpec, type PlannedModel } from '../engine/protocol.js';
import { type ModelSettings } from './concessions.js';
import { fitLayers } from './fit.js';
import { withTargetDefaults } from './loader.js';
import { type Resolution, resolvePlacement, withoutDevices } from './placement.js';
import { roleOf } from './record.js';
import { type Shelf } from './shelf.js';
import { resolveSource } from './source.js';

/** One model of a plan: what is asked for, and what that would hold. */
export interface PlanMember {
  readonly request: LoadModelRequest;
  /** As asked, with automatic layers counted. */
  readonly spec: LoadSpec;
  readonly planned: PlannedModel;
  readonly marginBytes: number;
  readonly warnings: readonly Warning[];
}

/** What the models of a plan are planned against. */
export interface PlanGround {
  readonly shelf: Shelf;
  readonly inventory: EngineInventory;
  /** With their memory as the plan counts it. */
  readonly devices: readonly DeviceInfo[];
  readonly plan: (spec: LoadSpec) => Promise<PlannedModel>;
}

/**
 * Plans one model as it is asked for.
 * @throws CodedError as a load would before it reads weights, but for a lack of memory
 */
export async function planMember(
  request: LoadModelRequest,
  ground: PlanGround,
  pair: { readonly beside: readonly DeviceUsage[]; readonly target: RuntimeOptions | undefined },
): Promise<PlanMember> {
  const { shelf, inventory, devices, plan } = ground;
  const { source } = request;
  if (source === undefined) throw new Error('a request without a source was let through');
  const resolution: Resolution = resolvePlacement(request.placement, roleOf(request), inventory);
  const path = await resolveSource(source, { roots: shelf.roots, trusted: false });
  const spec: LoadSpec = {
    model: `models/${request.modelId}`,
    path,
    placement: resolution.placement,
    options: withTargetDefaults(request.options, pair.target),
  };
  const { marginBytes, warnings } = resolution;
  const rules = { plan, devices, marginBytes, beside: pair.beside };
  const fitted = resolution.auto
    ? await fitLayers(spec, rules)
    : { spec, planned: await plan(spec) };
  return { request, ...fitted, marginBytes, warnings: [...warnings, ...fitted.planned.warnings] };
}

/** What of a member can be given up, as it is now. */
export function settingsOf({ planned }: PlanMember): ModelSettings {
  const { placement, options } = planned;
  return {
    layers: placement.devices.length === 0 ? 0 : placement.gpuLayers,
    contextLength: options.contextLength ?? 0,
    parallelSequences: options.parallelSequences ?? 1,
  };
}

/** The load of a member under other settings. */
export function specWith(member: PlanMember, settings: ModelSettings): LoadSpec {
  const { spec, planned } = member;
  const { layers, contextLength, parallelSequences } = settings;
  const unchanged = layers === settingsOf(member).layers;
  const fewer =
    layers === 0 ? withoutDevices(spec.placement) : { ...spec.placement, gpuLayers: layers };
  return {
    ...spec,
    placement: unchanged ? spec.placement : fewer,
    options: { ...planned.options, contextLength, parallelSequences },
  };
}

/** The contract's view of a member; `conceded` are its settings after the needed concessions, unset when dropped. */
export function modelPlan(member: PlanMember, conceded: ModelSettings | undefined): ModelPlan {
  const { placement, options, info } = member.planned;
  const suggestion = conceded && suggestionOf(member, conceded);
  return { placement, options, info, suggestion };
}

function suggestionOf(member: PlanMember, settings: ModelSettings): LoadModelRequest {
  const { request, planned } = member;
  const { layers, contextLength, parallelSequences } = settings;
  const asked = DevicePlacement.fromPartial(request.placement ?? {});
  const placement = layers === 0 ? onCpu(asked) : onDevices(asked, member, layers);
  const options = { ...planned.options, contextLength, parallelSequences };
  return { ...request, role: roleOf(request), placement, options };
}

function onDevices(asked: DevicePlacement, { planned }: PlanMember, value: number) {
  const devices = [...planned.placement.devices];
  const gpuLayers = { layers: { $case: 'count', value } } as const;
  return { ...asked, devices, gpuLayers };
}

/** The same without anything that needs a device. */
function onCpu(asked: DevicePlacement): DevicePlacement {
  return {
    ...asked,
    devices: ['none'],
    gpuLayers: undefined,
    tensorSplit: [],
    splitMode: SplitMode.UNSPECIFIED,
    mainDevice: '',
    tensorOverrides: asked.tensorOverrides.filter(({ device }) => /^cpu$/i.test(device)),
  };
}
