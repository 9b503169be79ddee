import { type ChannelOptions, type ServerCredentials } from '@grpc/grpc-js';
import {
  DeviceInfoServiceDefinition,
  GenerateServiceDefinition,
  LoadModelServiceDefinition,
} from '@outrider/sdk/proto';
import { createServer } from 'nice-grpc';
import { errorDetailsServerMiddleware } from 'nice-grpc-error-details';
import { HealthDefinition, HealthServiceImpl } from 'nice-grpc-server-health';
import { type Logger, pino } from 'pino';
import { hostAndPort } from '../config/admin-address.js';
import { invalidField } from '../coded-error.js';
import { type ServerConfig } from '../config/config.js';
import { EngineClient } from '../engine/client.js';
import { type Engine } from '../engine/engine.js';
import { EnginePool, type StartEngine } from '../engine/engine-pool.js';
import { engineStarter } from '../engine/start-engine.js';
import {
  type AdminPages,
  type AdminServer,
  startAdminServer,
} from '../observability/admin-server.js';
import { Metrics } from '../observability/metrics.js';
import { ModelRegistry } from '../registry/registry.js';
import { DeviceInfoService } from './device-info-service.js';
import { GenerateService } from './generate-service.js';
import { ServerHealth } from './health.js';
import { deadlineInterceptor } from './interceptors/deadline.js';
import { slowConsumerInterceptor } from './interceptors/slow-consumer.js';
import { LoadModelService } from './load-model-service.js';
import { authenticationMiddleware } from './middleware/authentication.js';
import { Drain, type DrainOutcome } from './middleware/drain.js';
import { errorMappingMiddleware } from './middleware/error-mapping.js';
import { requestContextMiddleware } from './middleware/request-context.js';
import { unreadableRequestMiddleware } from './middleware/unreadable-request.js';
import { REFLECTION_SERVICE, reflection } from './reflection.js';
import { Access } from './security/access.js';
import { loadStartModels, validateConfig } from './start-models.js';
import { withUnreadableRequests } from './unreadable-requests.js';

const GENERATE = withUnreadableRequests(GenerateServiceDefinition);
const LOAD_MODEL = withUnreadableRequests(LoadModelServiceDefinition);
const DEVICE_INFO = withUnreadableRequests(DeviceInfoServiceDefinition);
const HEALTH = withUnreadableRequests(HealthDefinition);

/** What a server may be given instead of making it. */
export interface ServerOptions {
  /** @default pino on standard error, at the level of the configuration */
  readonly log?: Logger;
  /** @default a new engine process */
  readonly engine?: Engine;
  /** Makes an engine beside the default one. @default a new engine process */
  readonly startEngine?: StartEngine;
}

/** A server that listens. */
export interface RunningServer {
  /** As clients use it: `host:port` or `unix:///path`. */
  readonly address: string;
  /** `host:port` of the admin port; undefined when it is off. */
  readonly adminAddress: string | undefined;
  /** Resolves when the start-up models are loaded; rejects with the first failure once all were tried. */
  readonly ready: Promise<void>;
  /** Rereads certificates and keys; the log tells how that went. What cannot be used is not taken. */
  reload(): void;
  /** Process id of the default engine; undefined while none runs. */
  enginePid(): number | undefined;
  /** Drains by the configuration's `drainMs`, then stops the engine. Later calls get the first one's outcome. */
  close(): Promise<DrainOutcome>;
}

/**
 * Starts the engine and listens. Start-up models load behind the returned promise.
 * @throws CodedError INVALID_FIELD, NOT_SUPPORTED for defaults or models that no request could ask for, and for a
 *   `llamaDir` that is not there, certificates and keys that cannot be used; BACKEND_UNAVAILABLE for workers and
 *   libraries that cannot use them
 */
export async function startServer(
  config: ServerConfig,
  options: ServerOptions = {},
): Promise<RunningServer> {
  validateConfig(config);
  const log = options.log ?? pino({ level: config.logLevel }, pino.destination(2));
  const access = new Access(config, log);
  const engine = options.engine ?? (await startDefaultEngine(config, log, access));
  const startEngine = engineStarter(engine, log, config.llamaDir !== undefined);
  const engines = new EnginePool(engine, options.startEngine ?? startEngine);
  const registry = new ModelRegistry({
    engines,
    log,
    roots: config.modelRoots,
    maxQueue: config.maxQueue,
  });
  const metrics = new Metrics();
  metrics.observe({ registry, engines });
  const health = new ServerHealth(registry);
  const drain = new Drain();
  const server = createServer(channelOptions(config))
    .use(requestContextMiddleware(log))
    .use(metrics.middleware)
    .use(errorDetailsServerMiddleware)
    .use(errorMappingMiddleware)
    .use(authenticationMiddleware(access))
    .use(drain.middleware)
    .use(unreadableRequestMiddleware);
  server.add(GENERATE, new GenerateService({ registry, config, metrics }));
  server.add(LOAD_MODEL, new LoadModelService(registry));
  server.add(DEVICE_INFO, new DeviceInfoService(registry, engines));
  server.add(HEALTH, HealthServiceImpl(health.state));
  if (servesReflection(config)) server.add(REFLECTION_SERVICE, reflection());

  const admin = await listenAdmin(config, engine, log, {
    metrics: () => metrics.text(),
    unready: () =>
      health.unready ?? (engine.status().running ? undefined : 'the engine is being restarted'),
  }).catch((error: unknown) => {
    access[Symbol.dispose]();
    throw error;
  });
  const address = await listen(server, config, access, engine).catch(async (error: unknown) => {
    await admin?.close();
    throw error;
  });
  const ready = loadStartModels(config.models, registry).then(() => health.ready());
  // Whoever does not look at `ready` finds failures in the log and in the models' states.
  ready.catch(() => undefined);
  let closing: Promise<DrainOutcome> | undefined;
  const close = async () => {
    health.drain();
    const outcome = await drain.close(server, config.drainMs);
    registry.close();
    await engines.close();
    await admin?.close();
    access[Symbol.dispose]();
    log.info({ outcome }, 'server closed');
    return outcome;
  };
  log.info({ address, tls: access.encrypted, admin: admin?.address }, 'server listening');
  return {
    address,
    adminAddress: admin?.address,
    ready,
    reload: () => access.reload(),
    enginePid: () => engine.status().pid,
    close: () => (closing ??= close()),
  };
}

async function startDefaultEngine(
  { llamaDir, rpc }: ServerConfig,
  log: Logger,
  access: Access,
): Promise<Engine> {
  try {
    return await EngineClient.start({ log, start: { directory: llamaDir, workers: rpc } });
  } catch (error) {
    access[Symbol.dispose]();
    throw error;
  }
}

function channelOptions(config: ServerConfig): ChannelOptions {
  const interceptors = [slowConsumerInterceptor(config.slowConsumerMs), deadlineInterceptor];
  return {
    'grpc.max_receive_message_length': 4 * 1024 * 1024,
    // Per connection. Each may hold one message before its caller is known; the queue bounds the work.
    'grpc.max_concurrent_streams': 256,
    'grpc.keepalive_time_ms': 30_000,
    'grpc.keepalive_timeout_ms': 15_000,
    ...{ interceptors },
  };
}

async function listenAdmin(
  { admin }: ServerConfig,
  engine: Engine,
  log: Logger,
  pages: AdminPages,
): Promise<AdminServer | undefined> {
  const place = hostAndPort(admin);
  if (place === undefined) return undefined;
  try {
    return await startAdminServer(place, pages, log);
  } catch (error) {
    await engine.close();
    const why = error instanceof Error ? error.message : String(error);
    throw invalidField('admin', `the admin port cannot be had: ${why}; name another one, or off`);
  }
}

// With TLS the server is meant for those who know the contract; to others it does not tell it.
function servesReflection({ reflection, tlsCert }: ServerConfig): boolean {
  return reflection === 'on' || (reflection === 'auto' && tlsCert === undefined);
}

async function listen(
  server: { listen(address: string, credentials?: ServerCredentials): Promise<number> },
  config: ServerConfig,
  access: Access,
  engine: Engine,
): Promise<string> {
  const host = config.host.includes(':') ? `[${config.host.replace(/[[\]]/g, '')}]` : config.host;
  try {
    const port = await server.listen(
      config.listen ?? `${host}:${config.port}`,
      access.credentials(),
    );
    return config.listen ?? `${host}:${port}`;
  } catch (error) {
    access[Symbol.dispose]();
    await engine.close();
    throw error;
  }
}
