import { type EffectivePlacement } from '@outrider/sdk/proto';

/** Devices that compute layers of a model, the CPU last. */
export function layerDevices({ usage, gpuLayers, totalLayers }: EffectivePlacement): string[] {
  const layered = usage.filter(({ layers }) => layers > 0).map(({ device }) => device);
  const onCpu = layered.includes('cpu') || gpuLayers < totalLayers;
  return [...layered.filter(device => device !== 'cpu'), ...(onCpu ? ['cpu'] : [])];
}

/** Whether no device computes for both models: on a shared one the two only slow each other down. */
export function computeApart(one: EffectivePlacement, other: EffectivePlacement): boolean {
  const devices = layerDevices(other);
  return !layerDevices(one).some(device => devices.includes(device));
}
