import {
  type DetokenizeRequest,
  type DetokenizeResponse,
  type GenerateRequest,
  GenerateResponse,
  GenerateServiceDefinition,
  type GenerateServiceImplementation,
  type TokenizeRequest,
  type TokenizeResponse,
} from '@outrider/sdk/proto';
import { type ServerConfig } from '../config/config.js';
import { type Metrics } from '../observability/metrics.js';
import { type ModelRegistry } from '../registry/registry.js';
import {
  type BackgroundContext,
  type CallerContext,
  type HandlerContext,
  type RequestContext,
} from './call-context.js';
import { generate } from './generation.js';
import { limitsOf } from './limits.js';
import { tokenizeSpec } from './prompt.js';
import { validateDetokenize, validateTokenize } from './validate/tokenize.js';

/** What the services work with. */
export interface ServiceParts {
  readonly registry: ModelRegistry;
  readonly config: ServerConfig;
  readonly metrics: Metrics;
}

const { methods } = GenerateServiceDefinition;

/** The service of the contract. Its stream gives whole messages, so that no step is copied before it is encoded. */
export const PlainGenerateServiceDefinition = {
  ...GenerateServiceDefinition,
  methods: {
    ...methods,
    generate: {
      ...methods.generate,
      responseType: {
        encode: (message: GenerateResponse) => GenerateResponse.encode(message),
        decode: (bytes: Uint8Array) => GenerateResponse.decode(bytes),
      },
    },
  },
} as const;

/** The service that produces text. */
export class GenerateService implements GenerateServiceImplementation<
  RequestContext & CallerContext & BackgroundContext
> {
  readonly #parts: ServiceParts;

  constructor(parts: ServiceParts) {
    this.#parts = parts;
  }

  generate(
    request: GenerateRequest,
    context: HandlerContext,
  ): AsyncGenerator<GenerateResponse, void> {
    return generate(request, context, this.#parts);
  }

  async tokenize(request: TokenizeRequest): Promise<TokenizeResponse> {
    const input = validateTokenize(request);
    const model = this.#parts.registry.ready(request.model);
    const spec = tokenizeSpec(input, model, request);
    return { tokenIds: [...(await model.home.engine.tokenize(spec))] };
  }

  async detokenize(request: DetokenizeRequest): Promise<DetokenizeResponse> {
    const { registry } = this.#parts;
    validateDetokenize(request, limitsOf(registry.find(request.model)));
    const { key, home } = registry.ready(request.model);
    const { tokenIds, renderSpecial } = request;
    return { text: await home.engine.detokenize({ model: key, tokenIds, renderSpecial }) };
  }
}
