import {
  type DeviceInfo,
  type DeviceInventory,
  type EngineInfo,
  GetDeviceInfoResponse,
  WatchDeviceInfoResponse,
} from '@outrider/sdk/proto';
import { withServer } from './client.js';
import { type Invocation } from './command.js';
import { writeJson } from './io.js';
import { enumWord, humanBytes, renderTable } from './table.js';

/** `outrider devices`: what models can be placed on; with `--watch` again at every change. */
export async function showDevices(invocation: Invocation): Promise<void> {
  const { io, json, settings } = invocation;
  await withServer(invocation, async ({ devices }) => {
    if (!settings.isOn('watch')) {
      const reply = await devices.getDeviceInfo({});
      if (json) await writeJson(io, GetDeviceInfoResponse.toJSON(reply));
      else await io.write(devicesTable(reply.inventory));
      return;
    }
    for await (const report of devices.watchDeviceInfo({})) {
      if (json) await writeJson(io, WatchDeviceInfoResponse.toJSON(report));
      else await io.write((io.outIsTerminal ? CLEAR : '') + devicesTable(report.inventory) + '\n');
    }
  });
}

/** A table of devices for people, the backends that cannot be used, and the engine processes if there are several. */
export function devicesTable(inventory: DeviceInventory | undefined): string {
  const headings = ['NAME', 'BACKEND', 'TYPE', 'TOTAL', 'FREE', 'DESCRIPTION', 'MODELS'];
  const unusable = (inventory?.backends ?? [])
    .filter(backend => !backend.usable)
    .map(({ name, reason }) => `${name} is not usable: ${reason}\n`);
  const devices = renderTable(headings, (inventory?.devices ?? []).map(deviceRow));
  return devices + unusable.join('') + enginesTable(inventory?.engines ?? []);
}

function enginesTable(engines: readonly EngineInfo[]): string {
  if (engines.length < 2) return '';
  const headings = ['ENGINE', 'STATE', 'RESTARTS', 'LAST EXIT', 'LLAMA.CPP'];
  const rows = engines.map(({ name, running, restarts, lastExit, llamaVersion }) => [
    name,
    running ? 'running' : 'restarting',
    String(restarts),
    lastExit || '-',
    llamaVersion || '-',
  ]);
  return `\n${renderTable(headings, rows)}`;
}

const CLEAR = '\u001b[H\u001b[2J';

function deviceRow(device: DeviceInfo): string[] {
  const { name, backend, type, memoryKnown, totalBytes, freeBytes, description, models } = device;
  const held = models.map(({ model, usage }) => `${model} ${humanBytes(usage?.totalBytes ?? 0)}`);
  return [
    name,
    backend,
    enumWord(type, 'DEVICE_TYPE_'),
    memoryKnown ? humanBytes(totalBytes) : 'unknown',
    memoryKnown ? humanBytes(freeBytes) : 'unknown',
    description,
    held.join(', ') || '-',
  ];
}
