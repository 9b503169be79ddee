import { createServer } from 'nice-grpc';
import { errorDetailsServerMiddleware } from 'nice-grpc-error-details';
import { writeInventory } from '../convert/devices.js';
import { Outrider } from '../outrider.js';
import {
  type DeviceInfoServiceImplementation,
  DeviceInfoServiceDefinition,
  GenerateServiceDefinition,
  LoadModelServiceDefinition,
} from '../proto.js';
import { HealthDefinition, SERVING } from '../transport/health.js';
import { type DeviceInventory } from '../types/device.js';
import { fakeGenerateService } from './fake-generate.js';
import { type FakeModels, fakeLoadModelService, findModel, fullName } from './fake-models.js';
import { type FakeScript } from './fake-script.js';
import { fakeStatusMiddleware } from './fake-status.js';

/** A scripted server and a client of it. */
export interface FakeOutrider extends AsyncDisposable {
  /** Connected to the fake server. */
  readonly client: Outrider;
  /** Where it listens, for further clients. */
  readonly address: string;
  /** What was asked so far, in order: generations and loads as their options, others as their arguments. */
  readonly requests: readonly unknown[];
}

/**
 * Starts a server on the loopback that speaks the whole protocol and behaves as scripted, for tests of programs that
 * use this package. Dispose of it to close client and server.
 *
 * @example
 * await using fake = await fakeOutrider({ generate: ({ model }) => ['I am ', model] });
 * const { text } = await fake.client.generate({ model: 'big', prompt: 'Who are you?' });
 */
export async function fakeOutrider(script: FakeScript = {}): Promise<FakeOutrider> {
  const requests: unknown[] = [];
  const note = (request: unknown): void => {
    requests.push(request);
  };
  const models: FakeModels = new Map(
    script.models?.map(({ name = 'models/model', ...model }) => {
      const full = fullName(name);
      return [full, { state: 'ready', role: 'target', ...model, name: full }];
    }),
  );
  const checkModel = (name: string): void => {
    if (script.models !== undefined) findModel(models, name);
  };
  const server = createServer().use(errorDetailsServerMiddleware).use(fakeStatusMiddleware);
  server.add(GenerateServiceDefinition, fakeGenerateService(script.generate, checkModel, note));
  server.add(LoadModelServiceDefinition, fakeLoadModelService(models, note));
  server.add(DeviceInfoServiceDefinition, deviceService(script.devices ?? bareMachine()));
  server.add(HealthDefinition, healthService);
  const address = `127.0.0.1:${await server.listen('127.0.0.1:0')}`;
  const client = new Outrider(address);
  return {
    client,
    address,
    requests,
    [Symbol.asyncDispose]: async () => {
      await client.close();
      server.forceShutdown();
    },
  };
}

const healthService = {
  check: async () => ({ status: SERVING }),
  async *watch() {
    yield { status: SERVING };
  },
};

function deviceService(devices: DeviceInventory): DeviceInfoServiceImplementation {
  const inventory = writeInventory(devices);
  return {
    getDeviceInfo: async () => ({ inventory }),
    async *watchDeviceInfo({ intervalMs = 1000 }, { signal }) {
      while (!signal.aborted) {
        yield { inventory };
        await new Promise<void>(resolve => {
          const timer = setTimeout(resolve, intervalMs);
          signal.addEventListener(
            'abort',
            () => {
              clearTimeout(timer);
              resolve();
            },
            { once: true },
          );
        });
      }
    },
  };
}

function bareMachine(): DeviceInventory {
  const bytes = 16 * 1024 ** 3;
  return {
    time: new Date(),
    devices: [
      {
        name: 'cpu',
        description: 'fake processor',
        backend: 'CPU',
        type: 'cpu',
        totalBytes: bytes,
        freeBytes: bytes,
        memoryKnown: true,
        models: [],
      },
    ],
    backends: [{ name: 'CPU', usable: true }],
    host: { physicalCores: 4, logicalCores: 8, os: 'linux', arch: 'x64', cpu: 'fake processor' },
    engines: [
      { name: 'default', running: true, restarts: 0, llamaVersion: 'fake', llamaCommit: 'fake' },
    ],
    serverVersion: '0.0.0-fake',
  };
}
