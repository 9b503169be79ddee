import { UnloadModelResponse } from '@outrider/sdk/proto';
import { modelName, withServer } from './client.js';
import { type Invocation } from './command.js';
import { count } from './flags/values.js';
import { writeJson } from './io.js';
import { humanBytes } from './table.js';

/** `outrider unload NAME`: frees a model. */
export async function unloadModel(invocation: Invocation): Promise<void> {
  const { io, json, settings, operands } = invocation;
  const name = modelName(operands[0] ?? '');
  const drainTimeoutMs = settings.value('drain', count);
  await withServer(invocation, async ({ models }) => {
    const freed = await models.unloadModel({
      name,
      drainTimeoutMs,
      force: settings.isOn('force'),
      detach: settings.isOn('detach'),
    });
    if (json) await writeJson(io, UnloadModelResponse.toJSON(freed));
    else await io.write(unloadedText(name, freed));
  });
}

/** What was freed, for people. */
export function unloadedText(name: string, reply: UnloadModelResponse): string {
  const { freed, abortedGenerations, detachedGenerations } = reply;
  const devices = freed.map(({ device, totalBytes }) => `${device} ${humanBytes(totalBytes)}`);
  return [
    `unloaded ${name}`,
    ...(devices.length === 0 ? [] : [`freed ${devices.join(', ')}`]),
    ...(abortedGenerations === 0 ? [] : [`ended ${abortedGenerations} streams`]),
    ...(detachedGenerations === 0 ? [] : [`${detachedGenerations} streams go on without it`]),
  ]
    .join('; ')
    .concat('\n');
}
