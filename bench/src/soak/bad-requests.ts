import { type GenerateOptions, type Outrider } from '@outrider/sdk';

/** A request that has to be refused. */
export interface BadRequest {
  /** Of the refusal. */
  readonly reason: string;
  readonly send: (client: Outrider, signal: AbortSignal) => Promise<unknown>;
}

const GOOD = { model: 'target', prompt: 'Once', maxTokens: 4 };

/** Requests that no server takes, with the reason why. */
export const BAD_REQUESTS: readonly BadRequest[] = [
  generation('INVALID_FIELD', { ...GOOD, maxTokens: 0 }),
  generation('INVALID_FIELD', { ...GOOD, temperature: -1 }),
  generation('INVALID_FIELD', { ...GOOD, speculation: 9_999 }),
  generation('EMPTY_PROMPT', { ...GOOD, prompt: '' }),
  generation('CONTEXT_EXCEEDED', { ...GOOD, prompt: 'far away '.repeat(600) }),
  generation('MODEL_NOT_FOUND', { ...GOOD, model: 'nobody' }),
  load('MODEL_FILE_NOT_FOUND', { id: 'bad', path: 'nobody.gguf' }),
  load('UNKNOWN_DEVICE', { id: 'bad', uri: 'embedded:draft', placement: { devices: ['FPGA7'] } }),
  {
    reason: 'MODEL_NOT_FOUND',
    send: async (client, signal) => client.models.unload('nobody', {}, { signal }),
  },
];

function generation(reason: string, request: GenerateOptions): BadRequest {
  return { reason, send: async (client, signal) => await client.generate(request, { signal }) };
}

function load(reason: string, request: Parameters<Outrider['models']['load']>[0]): BadRequest {
  return { reason, send: async (client, signal) => await client.models.load(request, { signal }) };
}
