import {
  DeviceInfoServiceDefinition,
  GenerateServiceDefinition,
  LoadModelServiceDefinition,
  ModelState,
} from '@outrider/sdk/proto';
import { HealthState } from 'nice-grpc-server-health';
import { type ModelRegistry } from '../registry/registry.js';
import { type StartUp } from './start-up.js';

/** Full names of the services that this server is for. */
export const SERVICE_NAMES = [
  GenerateServiceDefinition.fullName,
  LoadModelServiceDefinition.fullName,
  DeviceInfoServiceDefinition.fullName,
] as const;

/** What grpc.health.v1 answers: the empty name from when start-up models are loaded, services at once, models by their state. */
export class ServerHealth {
  readonly state = HealthState();
  readonly #names = new Set<string>(['', ...SERVICE_NAMES]);
  #draining = false;

  readonly #startUp: StartUp;

  constructor(registry: ModelRegistry, startUp: StartUp) {
    this.#startUp = startUp;
    this.state.setStatus('unhealthy');
    for (const name of SERVICE_NAMES) this.state.setStatus('healthy', name);
    registry.onChange(({ name, state }, known) => {
      if (this.#draining) return;
      if (known) this.#names.add(name);
      else this.#names.delete(name);
      const status = state === ModelState.READY ? 'healthy' : 'unhealthy';
      this.state.setStatus(known ? status : 'unknown', name);
    });
  }

  /** The start-up models are there. */
  ready(): void {
    if (!this.#draining) this.state.setStatus('healthy');
  }

  /** Why traffic should go elsewhere; undefined when it should not. */
  get unready(): string | undefined {
    if (this.#draining) return 'the server is shutting down';
    return this.#startUp.problem;
  }

  /** No name serves from here on. */
  drain(): void {
    this.#draining = true;
    for (const name of this.#names) this.state.setStatus('unhealthy', name);
  }
}
