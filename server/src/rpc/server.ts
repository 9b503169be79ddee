import { setTimeout as sleep } from 'node:timers/promises';
import { type ChannelOptions, type ServerCredentials } from '@grpc/grpc-js';
import { DeviceInfoServiceDefinition, LoadModelServiceDefinition } from '@outrider/sdk/proto';
import { createServer } from 'nice-grpc';
import { errorDetailsServerMiddleware } from 'nice-grpc-error-details';
import { HealthDefinition, HealthServiceImpl } from 'nice-grpc-server-health';
import { type Logger, pino } from 'pino';
import { hostAndPort } from '../config/admin-address.js';
import { messageOf } from '../caught-error.js';
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
import { ModelMemory } from '../state/model-memory.js';
import { DeviceInfoService } from './device-info-service.js';
import { GenerateService, PlainGenerateServiceDefinition } from './generate-service.js';
import { ServerHealth } from './health.js';
import { clientCertificateInterceptor } from './interceptors/client-certificate.js';
import { deadlineInterceptor } from './interceptors/deadline.js';
import { slowConsumerInterceptor } from './interceptors/slow-consumer.js';
import { LoadModelService } from './load-model-service.js';
import { authenticationMiddleware } from './middleware/authentication.js';
import { Drain, type DrainOutcome } from './middleware/drain.js';
import { errorMappingMiddleware } from './middleware/error-mapping.js';
import { requestContextMiddleware } from './middleware/request-context.js';
import { spanMiddleware, traceNamesMiddleware } from './middleware/tracing.js';
import { unreadableRequestMiddleware } from './middleware/unreadable-request.js';
import { REFLECTION_SERVICE, reflection } from './reflection.js';
import { Access } from './security/access.js';
import { validateConfig } from './start-models.js';
import { StartUp } from './start-up.js';
import { withUnreadableRequests } from './unreadable-requests.js';
import { validateLoad } from './validate/load-model.js';

const GENERATE = withUnreadableRequests(PlainGenerateServiceDefinition);
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
  /** Resolves when traffic should come: with `ready`, or when what has failed there was loaded again or unloaded. */
  readonly serving: Promise<void>;
  /** Rereads certificates and keys; the log tells how that went. What cannot be used is not taken. */
  reload(): void;
  /** Process id of the default engine; undefined while none runs. */
  enginePid(): number | undefined;
  /**
   * Tells health and `/readyz`, waits the configuration's `drainDelayMs`, drains by its `drainMs`, then stops the engine.
   * Later calls get the first one's outcome.
   */
  close(): Promise<DrainOutcome>;
}

/**
 * Starts the engine and listens. Start-up models, and those that the state folder remembers, load behind the returned
 * promise.
 * @throws CodedError INVALID_FIELD, NOT_SUPPORTED for defaults or models that no request could ask for, and for a
 *   `llamaDir` that is not there, a `stateDir` that another server has, certificates and keys that cannot be used;
 *   BACKEND_UNAVAILABLE for workers and libraries that cannot use them
 */
export async function startServer(
  config: ServerConfig,
  options: ServerOptions = {},
): Promise<RunningServer> {
  validateConfig(config);
  const log = options.log ?? pino({ level: config.logLevel }, pino.destination(2));
  const memory = openMemory(config, log);
  try {
    return await startWith(memory, log, config, options);
  } catch (error) {
    memory?.[Symbol.dispose]();
    throw error;
  }
}

function openMemory({ stateDir, models }: ServerConfig, log: Logger): ModelMemory | undefined {
  if (stateDir === undefined) return undefined;
  const configured = new Set(models.map(({ modelId }) => `models/${modelId}`));
  return new ModelMemory(stateDir, { log, configured, check: validateLoad });
}

async function startWith(
  memory: ModelMemory | undefined,
  log: Logger,
  config: ServerConfig,
  options: ServerOptions,
): Promise<RunningServer> {
  const access = new Access(config, log);
  const engine = options.engine ?? (await startDefaultEngine(config, log, access));
  const startEngine = engineStarter(engine, log, config.llamaDir !== undefined, limitsOf(config));
  const engines = new EnginePool(engine, options.startEngine ?? startEngine);
  const registry = new ModelRegistry({
    engines,
    log,
    roots: config.modelRoots,
    maxQueue: config.maxQueue,
  });
  const metrics = new Metrics();
  metrics.observe({ registry, engines });
  const startUp = new StartUp(config.models, registry);
  const health = new ServerHealth(registry, startUp);
  const drain = new Drain();
  const server = createServer(channelOptions(config))
    .use(requestContextMiddleware(log))
    .use(metrics.middleware)
    .use(spanMiddleware)
    .use(traceNamesMiddleware)
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
  const serving = startUp.complete.then(() => health.ready());
  const ready = load(startUp, registry, memory).then(() => serving);
  // Whoever does not look at `ready` finds failures in the log and in the models' states.
  ready.catch(() => undefined);
  let closing: Promise<DrainOutcome> | undefined;
  const close = async () => {
    health.drain();
    if (config.drainDelayMs > 0) await sleep(config.drainDelayMs);
    const outcome = await drain.close(server, config.drainMs);
    memory?.freeze();
    registry.close();
    await engines.close();
    memory?.[Symbol.dispose]();
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
    serving,
    reload: () => access.reload(),
    enginePid: () => engine.status().pid,
    close: () => (closing ??= close()),
  };
}

async function load(
  startUp: StartUp,
  registry: ModelRegistry,
  memory: ModelMemory | undefined,
): Promise<void> {
  memory?.follow(registry);
  try {
    await startUp.load(() => memory?.remembered ?? { models: [], drafts: {} });
  } finally {
    memory?.restored();
  }
}

async function startDefaultEngine(
  config: ServerConfig,
  log: Logger,
  access: Access,
): Promise<Engine> {
  try {
    const start = { directory: config.llamaDir, workers: config.rpc };
    return await EngineClient.start({ log, start, limits: limitsOf(config) });
  } catch (error) {
    access[Symbol.dispose]();
    throw error;
  }
}

function limitsOf({ stallReportMs, stallRestartMs, engineMaxRss }: ServerConfig) {
  return { stallReportMs, stallRestartMs, maxRssBytes: engineMaxRss * 2 ** 20 };
}

function channelOptions(config: ServerConfig): ChannelOptions {
  const interceptors = [
    slowConsumerInterceptor(config.slowConsumerMs),
    deadlineInterceptor,
    clientCertificateInterceptor,
  ];
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
    const why = messageOf(error);
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
