import {
  DeviceInfoServiceDefinition,
  type GenerateRequest,
  type GenerateResponse,
  GenerateServiceDefinition,
  LoadModelRequest,
  LoadModelServiceDefinition,
} from '@outrider/sdk/proto';
import { type Channel, type Client, createChannel, createClientFactory } from 'nice-grpc';
import { type Metadata } from 'nice-grpc-common';
import { errorDetailsClientMiddleware, ErrorInfo, RichClientError } from 'nice-grpc-error-details';
import { HealthDefinition } from 'nice-grpc-server-health';
import { pino } from 'pino';
import { type ServerConfig, serverConfig } from '../../../server/src/config/config.js';
import { type RunningServer, startServer } from '../../../server/src/rpc/server.js';
import { FakeEngine } from '../../support/fake-engine.js';

type LoadWish = Parameters<typeof LoadModelRequest.fromPartial>[0];

/** A request to load one of the embedded models. */
export function embedded(modelId: string, wish: LoadWish = {}): LoadModelRequest {
  const source = { source: { $case: 'uri', value: 'embedded:target' } } as const;
  return LoadModelRequest.fromPartial({ modelId, source, ...wish });
}

/** A server over a fake engine, on a real socket, and its clients. */
export class Served implements AsyncDisposable {
  readonly server: RunningServer;
  readonly engine: FakeEngine;
  /** Lines that the server has logged. */
  readonly log: readonly Record<string, unknown>[];
  readonly #channel: Channel;
  readonly generation: Client<GenerateServiceDefinition>;
  readonly models: Client<LoadModelServiceDefinition>;
  readonly devices: Client<DeviceInfoServiceDefinition>;
  readonly health: Client<HealthDefinition>;

  private constructor(
    server: RunningServer,
    engine: FakeEngine,
    log: readonly Record<string, unknown>[],
  ) {
    this.server = server;
    this.engine = engine;
    this.log = log;
    this.#channel = createChannel(server.address);
    const factory = createClientFactory().use(errorDetailsClientMiddleware);
    this.generation = factory.create(GenerateServiceDefinition, this.#channel);
    this.models = factory.create(LoadModelServiceDefinition, this.#channel);
    this.devices = factory.create(DeviceInfoServiceDefinition, this.#channel);
    this.health = factory.create(HealthDefinition, this.#channel);
  }

  static async start(config: Partial<ServerConfig> = {}, engine = new FakeEngine()) {
    const lines: Record<string, unknown>[] = [];
    const write = (line: string) => lines.push(JSON.parse(line) as Record<string, unknown>);
    const log = pino({ level: 'info' }, { write });
    const whole = serverConfig({
      port: 0,
      admin: 'off',
      models: [embedded('big')],
      drainMs: 100,
      ...config,
    });
    const server = await startServer(whole, { engine, log });
    return new Served(server, engine, lines);
  }

  /** Starts, and waits until start-up models are loaded. */
  static async ready(config: Partial<ServerConfig> = {}, engine = new FakeEngine()) {
    const served = await Served.start(config, engine);
    await served.server.ready;
    return served;
  }

  generate(
    wish: Partial<GenerateRequest> = {},
    call: Parameters<typeof this.generation.generate>[1] = {},
  ): AsyncIterable<GenerateResponse> {
    const input = { $case: 'text', value: 'Once upon a time' } as const;
    return this.generation.generate({ model: 'big', input, ...wish }, call);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#channel.close();
    await this.server.close();
  }
}

/** What a call failed with, as a client sees it. */
export interface Failure {
  readonly code: number;
  readonly message: string;
  readonly info: ErrorInfo | undefined;
  readonly details: readonly string[];
  readonly trailer: Metadata | undefined;
}

/** Reads a stream, or waits for a reply, and hands out the failure it ends with. */
export async function failureOf(
  call: AsyncIterable<unknown> | Promise<unknown>,
  trailer?: () => Metadata | undefined,
): Promise<Failure> {
  try {
    if (call instanceof Promise) await call;
    else await readAll(call);
  } catch (error) {
    if (!(error instanceof RichClientError)) throw error;
    const info = error.extra.find(detail => detail.$type === ErrorInfo.$type);
    return {
      code: error.code,
      message: error.details,
      info: info?.$type === ErrorInfo.$type ? info : undefined,
      details: error.extra.map(({ $type }) => $type.replace('google.rpc.', '')),
      trailer: trailer?.(),
    };
  }
  throw new Error('the call has not failed');
}

/** Reads a stream to its end. */
export async function readAll<T>(stream: AsyncIterable<T>): Promise<T[]> {
  const events: T[] = [];
  for await (const event of stream) events.push(event);
  return events;
}

/** The first events of a stream, and the rest of it. */
export async function firstEvents(
  stream: AsyncIterable<GenerateResponse>,
  count: number,
): Promise<{
  readonly events: GenerateResponse[];
  readonly rest: AsyncIterator<GenerateResponse>;
}> {
  const rest = stream[Symbol.asyncIterator]();
  const events: GenerateResponse[] = [];
  while (events.length < count) {
    const next = await rest.next();
    if (next.done === true) break;
    events.push(next.value);
  }
  return { events, rest };
}

/** A stream's rest as something that can be read on. */
export function readOn(rest: AsyncIterator<GenerateResponse>): AsyncIterable<GenerateResponse> {
  return { [Symbol.asyncIterator]: () => rest };
}
