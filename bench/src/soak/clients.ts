import { setTimeout as delay } from 'node:timers/promises';
import { type GenerationEvent, type Outrider, OutriderError } from '@outrider/sdk';
import { GenerateRequest } from '@outrider/sdk/proto';
import { frame, RawGrpc } from '../wire/raw-grpc.js';
import { BAD_REQUESTS } from './bad-requests.js';
import { type Job, type Jobs } from './jobs.js';
import { type Kind } from './ledger.js';

/** What a client has to do with. */
export interface SoakClient {
  /** Tells the models that it loads from those of others. */
  readonly number: number;
  readonly address: string;
  readonly client: Outrider;
  readonly jobs: Jobs;
  /** A whole number from 0 to below `count`. */
  readonly below: (count: number) => number;
  /** Ends whatever takes too long; its reason then is `STUCK`. */
  readonly signal: AbortSignal;
}

/** Does one thing and says how it ended. @throws WrongText, or whatever the call failed with against expectation */
export type Act = (soak: SoakClient) => Promise<string>;

/** A text is not what it was when its stream was alone. */
export class WrongText extends Error {
  override readonly name = 'WrongText';
}

/** One act of each kind. */
export const ACTS: Readonly<Record<Kind, Act>> = {
  stream: async ({ client, jobs, below, signal }) => {
    const job = anyOf(jobs.short, below);
    const { text } = await client.generate(job.request, { signal });
    return whole(job, text);
  },
  cancel: async ({ client, jobs, below, signal }) => {
    const job = anyOf(jobs.short, below);
    const last = below(20);
    let [text, seen] = ['', 0];
    for await (const event of client.generate(job.request, { signal })) {
      text += textOf(event);
      if (seen++ === last) return beginning(job, text);
    }
    return whole(job, text);
  },
  deadline: async ({ client, jobs, below, signal }) => {
    const job = anyOf(jobs.short, below);
    let text = '';
    try {
      const call = { signal, timeoutMs: 1 + below(400), maxRetries: 0 };
      for await (const event of client.generate(job.request, call)) text += textOf(event);
    } catch (error) {
      if (!hasCode(error, 'DEADLINE_EXCEEDED')) throw error;
      beginning(job, text);
      return 'deadline exceeded';
    }
    return whole(job, text);
  },
  slow: async ({ client, jobs, below, signal }) => {
    const job = anyOf(jobs.wordy, below);
    const stopsAt = below(60);
    const [pauseMs, onceMs] = [below(4), below(3) === 0 ? 3_000 : 0];
    let [text, seen] = ['', 0];
    try {
      for await (const event of client.generate(job.request, { signal })) {
        text += textOf(event);
        await delay(seen++ === stopsAt ? onceMs : pauseMs);
      }
    } catch (error) {
      if (reasonOf(error) !== 'SLOW_CONSUMER') throw error;
      beginning(job, text);
      return 'slow consumer';
    }
    return whole(job, text);
  },
  disconnect: async ({ address, jobs, below }) => {
    const { request } = anyOf(jobs.wordy, below);
    const { model, maxTokens } = request;
    const input = { $case: 'text', value: 'prompt' in request ? request.prompt : '' } as const;
    const wish = GenerateRequest.fromPartial({ model: `models/${model}`, input, maxTokens });
    const connection = await RawGrpc.connect(address);
    const timer = setTimeout(() => connection[Symbol.dispose](), below(600));
    await connection.call(GENERATE, frame(GenerateRequest.encode(wish).finish()));
    clearTimeout(timer);
    if (connection.closed) return 'broken off';
    connection[Symbol.dispose]();
    return 'too late';
  },
  bad: async ({ client, below, signal }) => {
    const { reason, send } = anyOf(BAD_REQUESTS, below);
    try {
      await send(client, signal);
    } catch (error) {
      if (reasonOf(error) !== reason) throw error;
      return reason;
    }
    throw new Error(`a request that should end with ${reason} was taken`);
  },
  load: async ({ number, client, jobs, below, signal }) => {
    const id = `extra-${number}`;
    await client.models.load({ id, uri: 'embedded:draft', options: EXTRA }, { signal });
    const job = anyOf(jobs.small, below);
    if (below(4) === 0) {
      for await (const event of client.generate({ ...job.request, model: id }, { signal }))
        if (event.type === 'step') break;
      await client.models.unload(id, { force: true }, { signal });
      return 'unloaded by force';
    }
    const { text } = await client.generate({ ...job.request, model: id }, { signal });
    await client.models.unload(id, {}, { signal });
    return whole(job, text);
  },
};

// As the draft is loaded, whose texts they are compared with.
const EXTRA = {
  threads: 1,
  calibrate: false,
  contextLength: 256,
  kvTypeK: 'f32',
  kvTypeV: 'f32',
  flashAttention: 'off',
} as const;

const GENERATE = '/outrider.v1.GenerateService/Generate';

function anyOf<T>(choices: readonly T[], below: (count: number) => number): T {
  const [choice] = choices.slice(below(choices.length));
  if (choice === undefined) throw new RangeError('there is nothing to choose from');
  return choice;
}

function textOf(event: GenerationEvent): string {
  return event.type === 'step' ? event.text : '';
}

function whole({ text }: Job, said: string): string {
  if (said !== text) throw new WrongText(`"${said}" instead of "${text}"`);
  return 'whole text';
}

function beginning({ text }: Job, said: string): string {
  if (!text.startsWith(said)) throw new WrongText(`"${said}" does not begin "${text}"`);
  return 'left early';
}

function reasonOf(error: unknown): string | undefined {
  return error instanceof OutriderError ? error.reason : undefined;
}

function hasCode(error: unknown, code: string): boolean {
  return error instanceof OutriderError && error.code === code;
}
