import {
  DeviceInfoServiceDefinition,
  type GenerateRequest,
  type GenerateResponse,
  GenerateServiceDefinition,
  LoadModelServiceDefinition,
} from '@outrider/sdk/proto';
import { type Channel, type Client, createChannel, createClientFactory } from 'nice-grpc';
import { ErrorInfo, errorDetailsClientMiddleware, RichClientError } from 'nice-grpc-error-details';

/** Stubs of the three services over one connection. */
export interface RawClient extends Disposable {
  readonly generate: Client<GenerateServiceDefinition>;
  readonly models: Client<LoadModelServiceDefinition>;
  readonly devices: Client<DeviceInfoServiceDefinition>;
}

/** The three services as any gRPC client sees them, without the SDK's help. */
export function rawClient(address: string): RawClient {
  const channel: Channel = createChannel(address);
  const clients = createClientFactory().use(errorDetailsClientMiddleware);
  return {
    generate: clients.create(GenerateServiceDefinition, channel),
    models: clients.create(LoadModelServiceDefinition, channel),
    devices: clients.create(DeviceInfoServiceDefinition, channel),
    [Symbol.dispose]: () => channel.close(),
  };
}

/** Reason of a refused call, from its ErrorInfo. */
export function reasonOf(error: unknown): string | undefined {
  if (!(error instanceof RichClientError)) return undefined;
  for (const detail of error.extra) if (detail.$type === ErrorInfo.$type) return detail.reason;
  return undefined;
}

/** Every event of one generation. */
export async function eventsOf(
  client: RawClient,
  request: Partial<GenerateRequest>,
): Promise<GenerateResponse[]> {
  const events: GenerateResponse[] = [];
  for await (const event of client.generate.generate(request)) events.push(event);
  return events;
}
