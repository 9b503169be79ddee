import { ServerInterceptingCall, type ServerInterceptor } from '@grpc/grpc-js';
import { Outrider } from '@outrider/sdk';
import {
  type GenerateResponse,
  GenerateServiceDefinition,
  type GenerateServiceImplementation,
} from '@outrider/sdk/proto';
import { type CallContext, createServer, type Metadata, ServerError, Status } from 'nice-grpc';
import { errorDetailsServerMiddleware } from 'nice-grpc-error-details';

/** One attempt, as the server saw it. */
export interface SeenCall {
  readonly metadata: Metadata;
  /** Time that was left by the wire deadline on arrival; Infinity without one. */
  readonly remainingMs: number;
  /** Resolves when the client has left or the call has ended. */
  readonly left: Promise<void>;
}

/** A server of the bare contract, so that tests can break every rule of it. */
export interface RawServer extends AsyncDisposable {
  readonly address: string;
  readonly client: Outrider;
  readonly calls: SeenCall[];
  /** Breaks off every call at once. */
  readonly kill: () => void;
}

type Events = (attempt: number, context: CallContext) => AsyncIterable<GenerateResponse['event']>;

/** Starts a server whose generations send `events`. */
export async function rawServer(events: Events): Promise<RawServer> {
  const calls: SeenCall[] = [];
  const remaining: number[] = [];
  const interceptors = [deadlineReader(remaining)];
  const server = createServer({ interceptors }).use(errorDetailsServerMiddleware);
  const refuse = async (): Promise<never> => {
    throw new ServerError(Status.UNIMPLEMENTED, 'not here');
  };
  const service: GenerateServiceImplementation = {
    tokenize: refuse,
    detokenize: refuse,
    async *generate(_request, context) {
      let leave = (): void => undefined;
      const left = new Promise<void>(resolve => (leave = resolve));
      const remainingMs = remaining.shift() ?? Infinity;
      calls.push({ metadata: context.metadata, remainingMs, left });
      context.signal.addEventListener('abort', leave);
      try {
        for await (const event of events(calls.length, context)) yield { event, synthetic: false };
      } finally {
        leave();
      }
    },
  };
  server.add(GenerateServiceDefinition, service);
  const address = `127.0.0.1:${await server.listen('127.0.0.1:0')}`;
  const client = new Outrider(address);
  const kill = () => server.forceShutdown();
  return {
    address,
    client,
    calls,
    kill,
    [Symbol.asyncDispose]: async () => {
      await client.close();
      kill();
    },
  };
}

/** Waits until the client has left. */
export function untilGone(context: CallContext): Promise<void> {
  return new Promise(resolve => {
    if (context.signal.aborted) resolve();
    else context.signal.addEventListener('abort', () => resolve());
  });
}

// nice-grpc hides the deadline of a call, so it is read where grpc-js has parsed it.
function deadlineReader(remaining: number[]): ServerInterceptor {
  return (_method, call) =>
    new ServerInterceptingCall(call, {
      start: next =>
        next({
          onReceiveMetadata: (metadata, forward) => {
            remaining.push(Number(call.getDeadline()) - Date.now());
            forward(metadata);
          },
        }),
    });
}
