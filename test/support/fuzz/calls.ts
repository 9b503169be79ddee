import {
  DetokenizeRequest,
  DeviceInfoServiceDefinition,
  GenerateRequest,
  GenerateServiceDefinition,
  GetDeviceInfoRequest,
  GetModelRequest,
  ListModelsRequest,
  LoadModelRequest,
  LoadModelServiceDefinition,
  PlanModelRequest,
  SetDefaultDraftRequest,
  TokenizeRequest,
  UnloadModelRequest,
  WatchDeviceInfoRequest,
} from '@outrider/sdk/proto';

/** A method of the service and what its requests usually look like. */
export interface FuzzedCall {
  /** As in the `:path` of a call. */
  readonly path: string;
  /** Encoded requests; none of them loads a model, unloads one or changes a default. */
  readonly seeds: readonly Uint8Array[];
}

/** Every method, with the requests that fuzzing begins from. */
export function fuzzedCalls(): FuzzedCall[] {
  return [
    ...callsOf(GenerateServiceDefinition, {
      generate: [
        encoded(GenerateRequest, {
          ...generation,
          input: { $case: 'text', value: 'Once' },
          sampling: { temperature: 0.8, topK: 40, seed: 7, logitBias: [{ tokenId: 5, bias: 1 }] },
          logprobs: 2,
        }),
        encoded(GenerateRequest, {
          ...generation,
          input: { $case: 'tokenIds', value: { ids: [300, 301] } },
          stop: ['the'],
        }),
        encoded(GenerateRequest, {
          ...generation,
          input: {
            $case: 'chat',
            value: {
              messages: [{ role: 'CHAT_ROLE_USER', content: 'Hi' }],
              template: '{{ messages }}',
            },
          },
          speculation: { maxDraftTokens: 3 },
        }),
      ],
      tokenize: [
        encoded(TokenizeRequest, {
          model: 'models/target',
          input: { $case: 'text', value: 'Once' },
        }),
      ],
      detokenize: [
        encoded(DetokenizeRequest, { model: 'models/target', tokenIds: [300, 301, 302] }),
      ],
    }),
    ...callsOf(LoadModelServiceDefinition, {
      loadModel: [
        encoded(LoadModelRequest, load),
        encoded(LoadModelRequest, { ...load, draftFor: 'models/nobody', detached: true }),
      ],
      unloadModel: [
        encoded(UnloadModelRequest, { name: 'models/nobody', drainTimeoutMs: 5, force: true }),
      ],
      getModel: [encoded(GetModelRequest, { name: 'models/target' })],
      listModels: [encoded(ListModelsRequest, { pageSize: 1, pageToken: 'x' })],
      planModel: [encoded(PlanModelRequest, { target: load, draft: load })],
      setDefaultDraft: [
        encoded(SetDefaultDraftRequest, { target: 'models/nobody', draft: 'models/draft' }),
      ],
    }),
    ...callsOf(DeviceInfoServiceDefinition, {
      getDeviceInfo: [encoded(GetDeviceInfoRequest, {})],
      watchDeviceInfo: [encoded(WatchDeviceInfoRequest, { intervalMs: 100 })],
    }),
    { path: '/grpc.health.v1.Health/Check', seeds: [stringField(1, 'models/target')] },
    { path: '/grpc.health.v1.Health/Watch', seeds: [stringField(1, 'models/target')] },
    {
      path: '/grpc.reflection.v1.ServerReflection/ServerReflectionInfo',
      // list_services and file_containing_symbol.
      seeds: [stringField(7, ''), stringField(4, 'outrider.v1.GenerateService')],
    },
  ];
}

const generation = { model: 'models/target', maxTokens: 2, draftModel: 'models/draft' };
const load: Parameters<typeof LoadModelRequest.fromPartial>[0] = {
  modelId: 'fuzzed',
  source: { source: { $case: 'path', value: 'nobody.gguf' } },
  placement: { devices: ['none'], tensorSplit: [1, 2] },
  options: { threads: 1, contextLength: 128 },
};

interface ServiceDefinition {
  readonly fullName: string;
  readonly methods: Readonly<Record<string, { readonly name: string }>>;
}

function callsOf<Definition extends ServiceDefinition>(
  { fullName, methods }: Definition,
  seeds: Readonly<Record<keyof Definition['methods'], readonly Uint8Array[]>>,
): FuzzedCall[] {
  return Object.entries<readonly Uint8Array[]>(seeds).map(([key, each]) => ({
    path: `/${fullName}/${methods[key]?.name ?? key}`,
    seeds: each,
  }));
}

function encoded<Wish, Message>(
  type: {
    fromPartial(wish: Wish): Message;
    encode(message: Message): { finish(): Uint8Array };
  },
  wish: Wish,
): Uint8Array {
  return type.encode(type.fromPartial(wish)).finish();
}

function stringField(number: number, text: string): Buffer {
  const value = Buffer.from(text);
  return Buffer.concat([Buffer.from([(number << 3) | 2, value.length]), value]);
}
