import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createServer } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { endWithUs } from '../child-processes.js';
import { type CompletionRequest, type TimedCompletion } from '../timed-completion.js';
import { complete, countDraftSteps } from './completion.js';

/** How llama-server is run. */
export interface LlamaServerOptions {
  readonly binary: string;
  /** GGUF file. */
  readonly model: string;
  /** For generation and prompts alike. */
  readonly threads: number;
  /** Tokens that each slot holds. */
  readonly contextLength: number;
  /** Completions at once. @default 1 */
  readonly slots?: number;
  /** @default none: plain decoding */
  readonly draft?: LlamaServerDraft;
}

/** A draft model of llama-server, on the same threads as the target. */
export interface LlamaServerDraft {
  /** GGUF file. */
  readonly model: string;
  /** Tokens per draft, `--spec-draft-n-max`. */
  readonly maxTokens: number;
}

/** A llama-server that answers. */
export interface LlamaServer extends AsyncDisposable {
  readonly pid: number;
  /** Completes without looking at what it has cached. One at a time, or the counts of drafts get mixed up. */
  complete(request: CompletionRequest): Promise<TimedCompletion>;
  /** Likewise, beside other completions; its verify passes are not counted then: `drafts.steps` is 0. */
  completeBeside(request: CompletionRequest): Promise<TimedCompletion>;
}

const START_MS = 60_000;

/**
 * Starts llama-server on a free port of the loopback and waits until its model is loaded.
 * @throws Error with the end of its log when it does not come up within a minute
 */
export async function startLlamaServer(options: LlamaServerOptions): Promise<LlamaServer> {
  const port = await freePort();
  const base = `http://127.0.0.1:${port}`;
  const child = spawn(options.binary, commandLine(options, port), {
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  endWithUs(child);
  let log = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    log = (log + text).slice(-4_000);
  });
  try {
    await answering(child, base);
  } catch (error) {
    child.kill('SIGKILL');
    throw new Error(`llama-server did not start: ${log}`, { cause: error });
  }
  return {
    pid: child.pid ?? 0,
    complete: async request =>
      options.draft === undefined ? complete(base, request) : completeDrafted(base, request),
    completeBeside: async request => complete(base, request),
    [Symbol.asyncDispose]: async () => {
      const gone = once(child, 'exit');
      child.kill('SIGKILL');
      await gone;
    },
  };
}

async function completeDrafted(base: string, request: CompletionRequest): Promise<TimedCompletion> {
  const before = await countDraftSteps(base);
  const completion = await complete(base, request);
  const steps = (await countDraftSteps(base)) - before;
  return { ...completion, drafts: { ...completion.drafts, steps } };
}

function commandLine(options: LlamaServerOptions, port: number): string[] {
  const { model, threads, contextLength, slots = 1, draft } = options;
  return [
    ...['--model', model, '--host', '127.0.0.1', '--port', `${port}`],
    ...['--threads', `${threads}`, '--threads-batch', `${threads}`],
    ...['--ctx-size', `${contextLength * slots}`, '--parallel', `${slots}`],
    // Nothing may be kept from one prompt to the next, nor the settings above be changed.
    ...['--cache-ram', '0', '--no-cache-prompt', '--fit', 'off', '--offline', '--no-ui'],
    ...(draft === undefined ? [] : draftFlags(draft, threads)),
  ];
}

function draftFlags({ model, maxTokens }: LlamaServerDraft, threads: number): string[] {
  return [
    // A draft model alone does not turn drafting on.
    ...['--spec-type', 'draft-simple', '--spec-draft-model', model],
    ...['--spec-draft-n-max', `${maxTokens}`, '--metrics'],
    ...['--spec-draft-threads', `${threads}`, '--spec-draft-threads-batch', `${threads}`],
  ];
}

async function answering(child: ChildProcess, base: string): Promise<void> {
  const deadline = performance.now() + START_MS;
  let failed: Error | undefined;
  child.once('error', error => {
    failed = error;
  });
  for (;;) {
    if (failed !== undefined) throw failed;
    if (child.exitCode !== null) throw new Error(`it ended with ${child.exitCode}`);
    if (performance.now() > deadline) throw new Error(`it was not ready within ${START_MS} ms`);
    // Refused connections are the normal state until it listens, 503 until the model is loaded.
    const status = await fetch(`${base}/health`).then(
      response => response.status,
      () => 0,
    );
    if (status === 200) return;
    await delay(50);
  }
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  server.close();
  await once(server, 'close');
  if (address === null || typeof address === 'string') throw new Error('no port to be had');
  return address.port;
}
