import { type ServerMiddleware } from 'nice-grpc-common';
import { prometheusServerMiddleware } from 'nice-grpc-prometheus';
import { Counter, exponentialBuckets, Histogram, type Registry } from 'prom-client';

const METHOD = ['grpc_type', 'grpc_service', 'grpc_method', 'grpc_path'] as const;
const METHOD_AND_CODE = [...METHOD, 'grpc_code'] as const;

/**
 * Counts calls under the names that other gRPC servers use. Its metrics are the server's own, because those of the library
 * are shared by every server of a process.
 */
export function rpcMetrics(registry: Registry): ServerMiddleware {
  const registers = [registry];
  return prometheusServerMiddleware({
    serverStartedMetric: new Counter({
      name: 'grpc_server_started_total',
      help: 'Calls that were started.',
      labelNames: METHOD,
      registers,
    }),
    serverHandledMetric: new Counter({
      name: 'grpc_server_handled_total',
      help: 'Calls that have ended, by their status.',
      labelNames: METHOD_AND_CODE,
      registers,
    }),
    serverStreamMsgReceivedMetric: new Counter({
      name: 'grpc_server_msg_received_total',
      help: 'Messages received in streams.',
      labelNames: METHOD,
      registers,
    }),
    serverStreamMsgSentMetric: new Counter({
      name: 'grpc_server_msg_sent_total',
      help: 'Messages sent in streams.',
      labelNames: METHOD,
      registers,
    }),
    serverHandlingSecondsMetric: new Histogram({
      name: 'grpc_server_handling_seconds',
      help: 'Time from the start of a call to its end.',
      labelNames: METHOD_AND_CODE,
      buckets: exponentialBuckets(0.001, 4, 10),
      registers,
    }),
  });
}
