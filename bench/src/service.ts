import { dirname } from 'node:path';
import { Outrider } from '@outrider/sdk';
import { type PrivateServer, startPrivateServer } from './private-server.js';

/** Tokens that one sequence holds, on every side of a comparison: what the models were trained for. */
export const CONTEXT_LENGTH = 512;

/** A private server and a client that is connected to it over TCP. */
export interface Service extends AsyncDisposable {
  readonly server: PrivateServer;
  readonly client: Outrider;
}

/** Starts a server that may read the folder of `model`; nothing is loaded yet. */
export async function startService(model: string, llamaDir: string | undefined): Promise<Service> {
  const library = llamaDir === undefined ? [] : ['--llama-dir', llamaDir];
  const server = await startPrivateServer(['--model-root', dirname(model), ...library]);
  const client = await Outrider.connect(server.address);
  // The command always starts with a model; the draft first, since the target names it.
  for (const model of ['draft', 'target']) await client.models.unload(model);
  return {
    server,
    client,
    [Symbol.asyncDispose]: async () => {
      await client.close();
      await server[Symbol.asyncDispose]();
    },
  };
}

/** Loads a target on the CPU, as `big`. @param sequences streams at a time. @default 1 */
export async function loadTarget(
  client: Outrider,
  path: string,
  threads: number,
  sequences = 1,
): Promise<void> {
  await client.models.load({
    id: 'big',
    path,
    placement: { devices: 'none' },
    options: { threads, contextLength: CONTEXT_LENGTH, parallelSequences: sequences },
  });
}

/**
 * Loads a draft on the CPU, as `small`, beside it; on as many threads as Outrider takes for it.
 * @param path GGUF file under the folder that the service may read; unset: the embedded draft
 * @param sequences streams at a time. @default 1
 */
export async function loadDraft(client: Outrider, path?: string, sequences = 1): Promise<void> {
  await client.models.load({
    id: 'small',
    ...(path === undefined ? { uri: 'embedded:draft' } : { path }),
    role: 'draft',
    placement: { devices: 'none' },
    options: { contextLength: CONTEXT_LENGTH, parallelSequences: sequences },
  });
}
