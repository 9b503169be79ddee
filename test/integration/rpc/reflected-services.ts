import { type ChannelCredentials } from '@grpc/grpc-js';
import { createChannel, createClient, Metadata } from 'nice-grpc';
import { ServerReflectionService } from 'nice-grpc-server-reflection';
import reflectionMessages from 'nice-grpc-server-reflection/lib/proto/grpc/reflection/v1/reflection_pb.js';

/** Names of the services that a server tells of by reflection. */
export async function reflectedServices(
  address: string,
  options: { readonly apiKey?: string; readonly credentials?: ChannelCredentials } = {},
): Promise<string[]> {
  const { apiKey, credentials } = options;
  const channel = createChannel(address, credentials);
  const client = createClient(ServerReflectionService, channel);
  const ask = async function* () {
    yield new reflectionMessages.ServerReflectionRequest().setListServices('');
  };
  const metadata = Metadata(apiKey === undefined ? {} : { authorization: `Bearer ${apiKey}` });
  try {
    const listed: string[] = [];
    for await (const reply of client.serverReflectionInfo(ask(), { metadata })) {
      const services = reply.getListServicesResponse()?.getServiceList() ?? [];
      listed.push(...services.map(service => service.getName()));
    }
    return listed;
  } finally {
    channel.close();
  }
}
