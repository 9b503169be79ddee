import type * as wire from '../proto.js';
import { type DeviceInventory } from '../types/device.js';
import { deviceType } from './enums.js';
import { textOrAbsent } from './presence.js';

/** The inventory as the server reports it. */
export function readInventory(inventory: wire.DeviceInventory): DeviceInventory {
  return {
    ...inventory,
    devices: inventory.devices.map(device => ({
      ...device,
      type: deviceType.read(device.type),
      hardwareId: textOrAbsent(device.hardwareId),
    })),
    backends: inventory.backends.map(backend => ({
      ...backend,
      reason: textOrAbsent(backend.reason),
    })),
    engines: inventory.engines.map(engine => ({
      ...engine,
      lastExit: textOrAbsent(engine.lastExit),
    })),
  };
}

/** The inverse of {@link readInventory}. */
export function writeInventory(inventory: DeviceInventory): wire.DeviceInventory {
  return {
    ...inventory,
    time: inventory.time,
    host: inventory.host,
    devices: inventory.devices.map(device => ({
      ...device,
      type: deviceType.write(device.type, 'type'),
      hardwareId: device.hardwareId ?? '',
      models: device.models.map(({ model, usage }) => ({ model, usage })),
    })),
    backends: inventory.backends.map(backend => ({ ...backend, reason: backend.reason ?? '' })),
    engines: inventory.engines.map(engine => ({ ...engine, lastExit: engine.lastExit ?? '' })),
  };
}
