import { type DeviceInfo, type DeviceUsage } from '@outrider/sdk/proto';
import { CodedError } from '../coded-error.js';

/** What models need on one device, against what there is. */
export interface MemoryNeed {
  readonly device: string;
  readonly neededBytes: number;
  readonly freeBytes: number;
  readonly marginBytes: number;
  /** True as well where the device does not report its memory. */
  readonly fits: boolean;
}

/** Compares what usages need with every device's free memory less the margin. */
export function memoryNeeds(
  usages: readonly DeviceUsage[],
  devices: readonly DeviceInfo[],
  marginBytes: number,
): MemoryNeed[] {
  return devices.map(({ name: device, freeBytes, memoryKnown }) => {
    const neededBytes = usages
      .filter(usage => usage.device === device)
      .reduce((sum, usage) => sum + usage.totalBytes, 0);
    const fits = neededBytes === 0 || !memoryKnown || neededBytes + marginBytes <= freeBytes;
    return { device, neededBytes, freeBytes, marginBytes, fits };
  });
}

/** @throws CodedError INSUFFICIENT_DEVICE_MEMORY naming every device on which it is short */
export function requireMemory(model: string, needs: readonly MemoryNeed[]): void {
  const short = needs.filter(({ fits }) => !fits);
  if (short.length === 0) return;
  const told = short.map(
    ({ device, neededBytes, freeBytes, marginBytes }) =>
      `${device} needs ${neededBytes} bytes and has ${freeBytes} free, of which ${marginBytes} are to be left`,
  );
  const metadata = Object.fromEntries(
    short.flatMap(({ device, neededBytes, freeBytes }) => [
      [`needed_bytes.${device}`, String(neededBytes)],
      [`free_bytes.${device}`, String(freeBytes)],
    ]),
  );
  throw new CodedError('INSUFFICIENT_DEVICE_MEMORY', `${model} does not fit: ${told.join('; ')}`, {
    metadata,
  });
}
