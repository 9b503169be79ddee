import { type Outrider } from '@outrider/sdk';
import { startLlamaServer } from './llama-server/process.js';
import { completeWithOutrider, type CompletionDrafting, PLAIN } from './outrider-completion.js';
import { EMBEDDED } from './places.js';
import { CONTEXT_LENGTH, loadDraft } from './service.js';

// V8 compiles what has run some thousand times. A large model would need minutes for as many tokens, the embedded one
// needs seconds, and most of the way of a token is the same for both.
const TEXTS = 8;
const REQUEST = { prompt: 'Once upon a time', tokens: 480 };
const WAYS: readonly CompletionDrafting[] = [PLAIN, { draftModel: 'small', speculation: 3 }];

/**
 * Has a service, and the client in this process, stream some thousand tokens of the embedded pair, so that what is measured
 * afterwards is a service that has run for a while. To be called while no model is loaded; none is loaded afterwards.
 */
export async function warmUp(client: Outrider): Promise<void> {
  const placement = { devices: 'none' } as const;
  const options = { contextLength: CONTEXT_LENGTH, parallelSequences: 1 };
  await client.models.load({ id: 'big', uri: 'embedded:target', placement, options });
  await loadDraft(client);
  for (const way of WAYS) {
    for (let i = 0; i < TEXTS; i++) await completeWithOutrider(client, REQUEST, way);
  }
  for (const model of ['small', 'big']) await client.models.unload(model);
}

/** The same for the client of llama-server, which needs no such thing itself. @param binary llama-server */
export async function warmUpPeerClient(binary: string): Promise<void> {
  await using server = await startLlamaServer({
    ...{ binary, model: EMBEDDED.target, threads: 1, contextLength: CONTEXT_LENGTH },
  });
  for (let i = 0; i < WAYS.length * TEXTS; i++) await server.complete(REQUEST);
}
