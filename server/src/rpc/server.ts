import { readFileSync } from 'node:fs';
import { type ChannelOptions, type ServerCredentials } from '@grpc/grpc-js';
import {
  DeviceInfoServiceDefinition,
  GenerateServiceDefinition,
  LoadModelServiceDefinition,
} from '@outrider/sdk/proto';
import { createServer } from 'nice-grpc';
import { errorDetailsServerMiddleware } from 'nice-grpc-error-details';
import { HealthDefinition, HealthServiceImpl } from 'nice-grpc-server-health';
import { ServerReflection, ServerReflectionService } from 'nice-grpc-server-reflection';
import { type Logger, pino } from 'pino';
import { type ServerConfig } from '../config/config.js';
import { EngineClient } from '../engine/client.js';
import { type Engine } from '../engine/engine.js';
import { EnginePool, type StartEngine } from '../engine/engine-pool.js';
import { engineStarter } from '../engine/start-engine.js';
import { ModelRegistry } from '../registry/registry.js';
import { DeviceInfoService } from './device-info-service.js';
import { GenerateService } from './generate-service.js';
import { SERVICE_NAMES, ServerHealth } from './health.js';
import { deadlineInterceptor } from './interceptors/deadline.js';
import { slowConsumerInterceptor } from './interceptors/slow-consumer.js';
import { LoadModelService } from './load-model-service.js';
import { authenticationMiddleware } from './middleware/authentication.js';
import { Drain, type DrainOutcome } from './middleware/drain.js';
import { errorMappingMiddleware } from './middleware/error-mapping.js';
import { requestContextMiddleware } from './middleware/request-context.js';
import { Access } from './security/access.js';
import { loadStartModels, validateConfig } from './start-models.js';

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
  const health = new ServerHealth(registry);
  const drain = new Drain();
  const server = createServer(channelOptions(config))
    .use(requestContextMiddleware(log))
    .use(errorDetailsServerMiddleware)
    .use(errorMappingMiddleware)
    .use(authenticationMiddleware(access))
    .use(drain.middleware);
  server.add(GenerateServiceDefinition, new GenerateService({ registry, config }));
  server.add(LoadModelServiceDefinition, new LoadModelService(registry));
  server.add(DeviceInfoServiceDefinition, new DeviceInfoService(registry, engines));
  server.add(HealthDefinition, HealthServiceImpl(health.state));
  if (servesReflection(config)) server.add(ServerReflectionService, reflection());

  const address = await listen(server, config, access, engine);
  const ready = loadStartModels(config.models, registry).then(() => health.ready());
  // Whoever does not look at `ready` finds failures in the log and in the models' states.
  ready.catch(() => undefined);
  let closing: Promise<DrainOutcome> | undefined;
  const close = async () => {
    health.drain();
    const outcome = await drain.close(server, config.drainMs);
    registry.close();
    await engines.close();
    access[Symbol.dispose]();
    log.info({ outcome }, 'server closed');
    return outcome;
  };
  log.info({ address, tls: access.encrypted }, 'server listening');
  return {
    address,
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

// With TLS the server is meant for those who know the contract; to others it does not tell it.
function servesReflection({ reflection, tlsCert }: ServerConfig): boolean {
  return reflection === 'on' || (reflection === 'auto' && tlsCert === undefined);
}

function reflection() {
  const descriptors = readFileSync(new URL('../../descriptors.binpb', import.meta.url));
  return ServerReflection(descriptors, [...SERVICE_NAMES]);
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
