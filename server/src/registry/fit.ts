import { type DeviceInfo, type DeviceUsage } from '@outrider/sdk/proto';
import { type LoadSpec, type PlannedModel } from '../engine/protocol.js';
import { firstThat } from './first-that.js';
import { memoryNeeds, requireMemory } from './memory.js';
import { type Resolution, withoutDevices } from './placement.js';

/** A load with its layers counted, and what it would hold. */
export interface Fitted {
  readonly spec: LoadSpec;
  readonly planned: PlannedModel;
}

/** What a search for the layers that fit goes by. */
export interface FitRules {
  readonly plan: (spec: LoadSpec) => Promise<PlannedModel>;
  /** With their memory as it is to be counted. */
  readonly devices: readonly DeviceInfo[];
  readonly marginBytes: number;
  /** Bytes that others of the same plan need. @default [] */
  readonly beside?: readonly DeviceUsage[];
}

/**
 * Gives a load as many layers as fit on its devices; none at all when not even one does. What stays on the CPU is not
 * looked at: it grows where the devices' share shrinks.
 */
export async function fitLayers(spec: LoadSpec, rules: FitRules): Promise<Fitted> {
  const { plan, devices, marginBytes, beside = [] } = rules;
  const others = devices.filter(device => device.name !== 'cpu');
  const fits = ({ placement }: PlannedModel): boolean =>
    memoryNeeds([...beside, ...placement.usage], others, marginBytes).every(need => need.fits);
  const all = { spec, planned: await plan(spec) };
  if (fits(all.planned)) return all;
  const known = new Map<number, Fitted>();
  const most = all.planned.placement.totalLayers - 1;
  const counts = Array.from({ length: most }, (_, i) => most - i);
  const count = await firstThat(counts, async gpuLayers => {
    const fewer = { ...spec, placement: { ...spec.placement, gpuLayers } };
    const fitted = { spec: fewer, planned: await plan(fewer) };
    known.set(gpuLayers, fitted);
    return fits(fitted.planned);
  });
  const found = count === undefined ? undefined : known.get(count);
  if (found !== undefined) return found;
  const host = { ...spec, placement: withoutDevices(spec.placement) };
  return { spec: host, planned: await plan(host) };
}

/**
 * Counts automatic layers and checks that there is memory for the load.
 * @throws CodedError INSUFFICIENT_DEVICE_MEMORY
 */
export async function fitLoad(
  spec: LoadSpec,
  { auto, marginBytes }: Resolution,
  { checked, ...rest }: Pick<FitRules, 'plan' | 'devices'> & { readonly checked: boolean },
): Promise<LoadSpec> {
  if (!auto && !checked) return spec;
  const fitted = auto
    ? await fitLayers(spec, { ...rest, marginBytes })
    : { spec, planned: await rest.plan(spec) };
  if (checked) {
    const { usage } = fitted.planned.placement;
    requireMemory(spec.model, memoryNeeds(usage, rest.devices, marginBytes));
  }
  return fitted.spec;
}
