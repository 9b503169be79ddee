import { connectivityState, type Channel } from '@grpc/grpc-js';
import {
  DeviceInfoServiceDefinition,
  type DeviceInfoServiceClient,
  GenerateServiceDefinition,
  type GenerateServiceClient,
  LoadModelServiceDefinition,
  type LoadModelServiceClient,
} from '@outrider/sdk/proto';
import { createChannel, createClientFactory } from 'nice-grpc';
import { ClientError, type ClientMiddleware, Metadata, Status } from 'nice-grpc-common';
import { errorDetailsClientMiddleware } from 'nice-grpc-error-details';
import { type ClientAccess } from './client-access.js';
import { type CommandFailure, interrupted, noServer, usage } from './failure.js';

/** The services of one server. */
export interface Connection {
  readonly generation: GenerateServiceClient;
  readonly models: LoadModelServiceClient;
  readonly devices: DeviceInfoServiceClient;
  close(): void;
}

/** How a server is reached. */
export interface ConnectOptions extends ClientAccess {
  /** Time for everything that is done over the connection, in milliseconds. @default undefined: no limit */
  readonly timeoutMs?: number | undefined;
  /** Ends every call. */
  readonly signal: AbortSignal;
}

/** How long a server may take to answer the first packet. */
const CONNECT_MS = 10_000;

/**
 * Opens a connection and waits until a server answers. The calls are the contract's own messages, because what
 * `--json` prints is their JSON form.
 * @param address `host:port` or `unix:///path`
 * @throws CommandFailure NO_SERVER when none does, USAGE for an address that cannot be, INTERRUPTED by signal
 */
export async function connect(address: string, options: ConnectOptions): Promise<Connection> {
  if (address === '' || /^unix:(?!\/\/\/.)/.test(address)) {
    throw usage(`"${address}" is neither host:port nor unix:///path`);
  }
  const start = Date.now();
  const { apiKey, credentials } = options;
  const channel = createChannel(address, credentials);
  try {
    await answering(
      channel,
      cause => noServer(address, cause, credentials !== undefined),
      Math.min(options.timeoutMs ?? CONNECT_MS, CONNECT_MS),
      options.signal,
    );
  } catch (error) {
    channel.close();
    throw error;
  }
  const endMs = options.timeoutMs === undefined ? Infinity : start + options.timeoutMs;
  // The first middleware is the innermost, so that the deadline's own refusal passes no decoder.
  const factory = createClientFactory()
    .use(errorDetailsClientMiddleware)
    .use(apiKeyMiddleware(apiKey))
    .use(deadlineMiddleware(endMs, options.signal));
  return {
    generation: factory.create(GenerateServiceDefinition, channel),
    models: factory.create(LoadModelServiceDefinition, channel),
    devices: factory.create(DeviceInfoServiceDefinition, channel),
    close: () => channel.close(),
  };
}

async function answering(
  channel: Channel,
  missing: (cause?: unknown) => CommandFailure,
  withinMs: number,
  signal: AbortSignal,
): Promise<void> {
  const deadline = new Date(Date.now() + withinMs);
  for (;;) {
    if (signal.aborted) throw interrupted();
    const state = channel.getConnectivityState(true);
    if (state === connectivityState.READY) return;
    // Waiting on would only try the same addresses again: every one of them has just failed.
    if (state === connectivityState.TRANSIENT_FAILURE) throw missing();
    await changed(channel, state, deadline, missing, signal);
  }
}

function changed(
  channel: Channel,
  from: connectivityState,
  deadline: Date,
  missing: (cause?: unknown) => CommandFailure,
  signal: AbortSignal,
): Promise<void> {
  return new Promise((resolve, reject) => {
    const onAbort = () => reject(interrupted());
    signal.addEventListener('abort', onAbort, { once: true });
    channel.watchConnectivityState(from, deadline, error => {
      signal.removeEventListener('abort', onAbort);
      if (error === undefined) resolve();
      else reject(missing(error));
    });
  });
}

function apiKeyMiddleware(apiKey: string | undefined): ClientMiddleware {
  return async function* apiKeyMiddleware(call, options) {
    if (apiKey === undefined) return yield* call.next(call.request, options);
    const metadata = Metadata(options.metadata).set('authorization', `Bearer ${apiKey}`);
    return yield* call.next(call.request, { ...options, metadata });
  };
}

/** `grpc-timeout` holds eight digits. */
const LONGEST_MS = 99_999_999;
/** The server's own refusal says more than ours, so it gets this much time to arrive. */
const SILENCE_MS = 250;

function deadlineMiddleware(endMs: number, interrupt: AbortSignal): ClientMiddleware {
  return async function* deadlineMiddleware(call, options) {
    const signals = [interrupt, ...(options.signal === undefined ? [] : [options.signal])];
    if (endMs === Infinity) {
      return yield* call.next(call.request, { ...options, signal: AbortSignal.any(signals) });
    }
    const leftMs = Math.min(LONGEST_MS, Math.max(1, Math.ceil(endMs - Date.now())));
    const metadata = Metadata(options.metadata).set('grpc-timeout', `${leftMs}m`);
    const silence = AbortSignal.timeout(leftMs + SILENCE_MS);
    const signal = AbortSignal.any([...signals, silence]);
    try {
      return yield* call.next(call.request, { ...options, metadata, signal });
    } catch (error) {
      if (silence.aborted && !signals.some(other => other.aborted)) {
        throw new ClientError(call.method.path, Status.DEADLINE_EXCEEDED, 'the server is silent');
      }
      throw error;
    }
  };
}
