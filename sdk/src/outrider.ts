import { mergeCalls, wireOptions } from './calls/call-settings.js';
import { devicesClient } from './calls/devices-client.js';
import { GenerationCall } from './calls/generation-call.js';
import { modelsClient } from './calls/models-client.js';
import { untilServing } from './calls/until-serving.js';
import { writeChat } from './convert/chat.js';
import { readGenerateResponse } from './convert/generate-event.js';
import { writeGenerateRequest } from './convert/generate-request.js';
import { refuseUnknown } from './convert/presence.js';
import { type GenerateResponse } from './proto.js';
import { Connection } from './transport/connection.js';
import { type CallOptions, type OutriderOptions } from './types/call.js';
import { type Devices, type Models } from './types/clients.js';
import { type ChatMessage, type GenerateOptions } from './types/generate.js';
import { type Generation, type GenerationEvent } from './types/generation.js';

// Lets `withOptions` hand a connection to the constructor without showing it in the published types.
const shared = new WeakMap<OutriderOptions, Connection>();

/**
 * Client of an Outrider server. It connects at the first call.
 *
 * @example
 * await using client = await Outrider.connect('localhost:50051');
 * const { text } = await client.generate({ model: 'big', prompt: 'Once upon a time', maxTokens: 200 });
 */
export class Outrider implements AsyncDisposable {
  /** Puts models onto devices and takes them off. */
  readonly models: Models;
  /** Tells what there is to place models on. */
  readonly devices: Devices;
  readonly #connection: Connection;
  readonly #defaults: CallOptions;

  /**
   * @param address `host:port`, `https://host`, `unix:///path`, `dns:///name:port`, or several addresses, which get
   * the calls in turn. @default 'localhost:50051'
   * @throws TypeError for addresses and options that make no sense
   */
  constructor(
    address: string | readonly string[] = 'localhost:50051',
    options: OutriderOptions = {},
  ) {
    const { apiKey, tls, channel, middleware, ...call } = options;
    const { signal, timeoutMs, requestId, headers, maxRetries, ...unknown } = call;
    refuseUnknown(unknown, '');
    this.#connection =
      shared.get(options) ?? new Connection(address, { apiKey, tls, channel, middleware });
    this.#defaults = { signal, timeoutMs, requestId, headers, maxRetries };
    this.models = modelsClient(this.#connection, this.#defaults);
    this.devices = devicesClient(this.#connection, this.#defaults);
  }

  /**
   * A client whose server serves: resolves when its start-up models are loaded, however long that takes unless
   * `timeoutMs` or `signal` end the wait. Health is open to everybody, so that a wrong key shows at the first call.
   * @throws ConnectionError when nothing answers
   */
  static async connect(
    address?: string | readonly string[],
    options?: OutriderOptions,
  ): Promise<Outrider> {
    const client = new Outrider(address, options);
    try {
      await untilServing(client.#connection, client.#defaults);
      return client;
    } catch (error) {
      await client.close();
      throw error;
    }
  }

  /**
   * Continues a prompt, token ids or a conversation. Nothing is sent before the first use of what it returns.
   * @throws InvalidRequestError at once for unknown options, by what it returns for whatever the server refuses
   */
  generate(request: GenerateOptions, call?: CallOptions): Generation {
    const message = writeGenerateRequest(request);
    const settings = wireOptions(mergeCalls(this.#defaults, call));
    return new GenerationCall(signal =>
      generationEvents(this.#connection.generate.generate(message, { ...settings, signal })),
    );
  }

  /** Token ids of a text, or of a conversation as the model's chat template renders it. */
  async tokenize(
    model: string,
    input: string | readonly ChatMessage[],
    call?: CallOptions,
  ): Promise<number[]> {
    const settings = wireOptions(mergeCalls(this.#defaults, call));
    const { tokenIds } = await this.#connection.generate.tokenize(
      {
        model,
        input:
          typeof input === 'string'
            ? { $case: 'text', value: input }
            : { $case: 'chat', value: writeChat(input) },
      },
      settings,
    );
    return tokenIds;
  }

  /** Text of token ids; broken characters become U+FFFD. */
  async detokenize(
    model: string,
    tokenIds: readonly number[],
    call?: CallOptions,
  ): Promise<string> {
    const settings = wireOptions(mergeCalls(this.#defaults, call));
    const request = { model, tokenIds: [...tokenIds] };
    return (await this.#connection.generate.detokenize(request, settings)).text;
  }

  /** A client with other defaults on the same connection; closing either closes both. */
  withOptions(call: CallOptions): Outrider {
    const options = { ...mergeCalls(this.#defaults, call) };
    shared.set(options, this.#connection);
    return new Outrider(undefined, options);
  }

  /** Closes the connection. Calls that are left end with `CancelledError`, later ones with `ConnectionError`. */
  async close(): Promise<void> {
    this.#connection.close();
  }

  /** As {@link Outrider.close}. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}

async function* generationEvents(
  responses: AsyncIterable<GenerateResponse>,
): AsyncGenerator<GenerationEvent, void, undefined> {
  for await (const response of responses) {
    const event = readGenerateResponse(response);
    if (event !== undefined) yield event;
  }
}
