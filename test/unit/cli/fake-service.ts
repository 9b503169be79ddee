import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ServerInterceptingCall, type ServerInterceptor } from '@grpc/grpc-js';
import {
  DeviceInfoServiceDefinition,
  type DeviceInfoServiceImplementation,
  GenerateServiceDefinition,
  type GenerateServiceImplementation,
  LoadModelServiceDefinition,
  type LoadModelServiceImplementation,
} from '@outrider/sdk/proto';
import { createServer, ServerError, Status } from 'nice-grpc';
import { errorDetailsServerMiddleware } from 'nice-grpc-error-details';

/** The calls that a test answers; every other one is UNIMPLEMENTED. */
export type Answers = Partial<
  Pick<GenerateServiceImplementation, 'generate'> &
    Pick<LoadModelServiceImplementation, 'loadModel' | 'unloadModel' | 'listModels' | 'planModel'> &
    Pick<DeviceInfoServiceImplementation, 'getDeviceInfo' | 'watchDeviceInfo'>
>;

/** A service on a socket of its own that answers as the test says. */
export interface FakeService extends AsyncDisposable {
  readonly address: string;
  /** Milliseconds left of each call when it arrived; Infinity without a deadline. */
  readonly leftMs: readonly number[];
}

/** Starts it; disposing stops it. */
export async function fakeService(answers: Answers): Promise<FakeService> {
  const folder = await mkdtemp(join(tmpdir(), 'outrider-fake-'));
  const address = `unix://${join(folder, 's.sock')}`;
  const leftMs: number[] = [];
  const server = createServer({ ...{ interceptors: [deadlineReader(leftMs)] } }).use(
    errorDetailsServerMiddleware,
  );
  server.add(GenerateServiceDefinition, {
    generate: answers.generate ?? silentStream,
    tokenize: unanswered,
    detokenize: unanswered,
  });
  server.add(LoadModelServiceDefinition, {
    loadModel: answers.loadModel ?? silentStream,
    unloadModel: answers.unloadModel ?? unanswered,
    getModel: unanswered,
    listModels: answers.listModels ?? unanswered,
    planModel: answers.planModel ?? unanswered,
    setDefaultDraft: unanswered,
  });
  server.add(DeviceInfoServiceDefinition, {
    getDeviceInfo: answers.getDeviceInfo ?? unanswered,
    watchDeviceInfo: answers.watchDeviceInfo ?? silentStream,
  });
  await server.listen(address);
  return {
    address,
    leftMs,
    [Symbol.asyncDispose]: async () => {
      server.forceShutdown();
      await rm(folder, { recursive: true, force: true });
    },
  };
}

// nice-grpc hides the deadline of a call; an interceptor sees it.
function deadlineReader(leftMs: number[]): ServerInterceptor {
  return (_method, call) =>
    new ServerInterceptingCall(call, {
      start: next => {
        next({
          onReceiveMetadata: (metadata, forward) => {
            leftMs.push(Number(call.getDeadline()) - Date.now());
            forward(metadata);
          },
        });
      },
    });
}

function unanswered(): never {
  throw new ServerError(Status.UNIMPLEMENTED, 'the test does not answer this');
}

async function* silentStream(): AsyncGenerator<never> {
  yield* [];
  unanswered();
}
