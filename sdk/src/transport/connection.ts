import { setMaxListeners } from 'node:events';
import { type Channel } from '@grpc/grpc-js';
import {
  type Client,
  type ClientFactory,
  type ClientMiddleware,
  createClientFactory,
} from 'nice-grpc';
import { errorDetailsClientMiddleware } from 'nice-grpc-error-details';
import {
  DeviceInfoServiceDefinition,
  GenerateServiceDefinition,
  LoadModelServiceDefinition,
} from '../proto.js';
import { type OutriderOptions } from '../types/call.js';
import { openChannel } from './channel.js';
import { credentialsMiddleware } from './credentials-middleware.js';
import { type DeadlineOptions, deadlineMiddleware } from './deadline-middleware.js';
import { type FailureOptions, failureMiddleware } from './failure-middleware.js';
import { HealthDefinition } from './health.js';
import { type RetryOptions, retryMiddleware, systemClock } from './retry-middleware.js';

/** What every call may carry beside the options of nice-grpc. */
export type CallExtras = DeadlineOptions & RetryOptions & FailureOptions;

/** A channel and the services behind it. */
export class Connection {
  /** Generates text. */
  readonly generate: Client<typeof GenerateServiceDefinition, CallExtras>;
  /** Loads and frees models. */
  readonly models: Client<typeof LoadModelServiceDefinition, CallExtras>;
  /** Tells about devices. */
  readonly devices: Client<typeof DeviceInfoServiceDefinition, CallExtras>;
  /** Tells whether the server serves. */
  readonly health: Client<typeof HealthDefinition, CallExtras>;
  readonly #channel: Channel;
  readonly #closing = new AbortController();

  constructor(address: string | readonly string[], options: OutriderOptions) {
    // Every running call listens to it; from the eleventh on Node would warn of a leak.
    setMaxListeners(0, this.#closing.signal);
    this.#channel = openChannel(address, options);
    const failures = failureMiddleware(
      typeof address === 'string' ? address : address.join(', '),
      this.#closing.signal,
    );
    const clients = clientFactory(options).use(failures);
    this.generate = clients.create(GenerateServiceDefinition, this.#channel);
    this.models = clients.create(LoadModelServiceDefinition, this.#channel);
    this.devices = clients.create(DeviceInfoServiceDefinition, this.#channel);
    this.health = clients.create(HealthDefinition, this.#channel);
  }

  /** Ends the calls that are left with `CancelledError`. Closing again does nothing. */
  close(): void {
    if (this.#closing.signal.aborted) return;
    this.#closing.abort();
    this.#channel.close();
  }
}

// What is used first stands closest to the network.
function clientFactory(options: OutriderOptions): ClientFactory<DeadlineOptions & RetryOptions> {
  let clients = createClientFactory()
    .use(errorDetailsClientMiddleware)
    .use(credentialsMiddleware(options.apiKey))
    .use(deadlineMiddleware)
    .use(retryMiddleware(systemClock));
  for (const middleware of options.middleware ?? [])
    clients = clients.use(asMiddleware(middleware));
  return clients;
}

function asMiddleware(value: unknown): ClientMiddleware {
  if (typeof value !== 'function')
    throw new TypeError('middleware takes client middleware of nice-grpc, which are functions');
  return value as ClientMiddleware;
}
