import { readInventory } from '../convert/devices.js';
import { refuseUnknown } from '../convert/presence.js';
import { IncompleteStreamError } from '../errors/failures.js';
import { type DeviceInventory as WireInventory } from '../proto.js';
import { type Connection } from '../transport/connection.js';
import { type CallOptions } from '../types/call.js';
import { type Devices } from '../types/clients.js';
import { type DeviceInventory } from '../types/device.js';
import { mergeCalls, wireOptions } from './call-settings.js';

/** Devices of the server behind a connection. */
export function devicesClient({ devices }: Connection, defaults: CallOptions): Devices {
  const options = (call: CallOptions | undefined) => wireOptions(mergeCalls(defaults, call));
  return {
    info: async call => present((await devices.getDeviceInfo({}, options(call))).inventory),
    watch: ({ intervalMs, ...unknown } = {}, call) => {
      refuseUnknown(unknown, '');
      const settings = options(call);
      const request = intervalMs === undefined ? {} : { intervalMs };
      return {
        async *[Symbol.asyncIterator]() {
          for await (const { inventory } of devices.watchDeviceInfo(request, settings))
            yield present(inventory);
        },
      };
    },
  };
}

function present(inventory: WireInventory | undefined): DeviceInventory {
  if (inventory === undefined) throw new IncompleteStreamError('the answer has no inventory in it');
  return readInventory(inventory);
}
