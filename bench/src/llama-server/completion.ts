import { type CompletionRequest, type TimedCompletion, TokenTimer } from '../timed-completion.js';

/**
 * Streams one completion from llama-server and times what arrives.
 * @param base address, for example `http://127.0.0.1:8080`
 * @throws Error when the server refuses, or makes another number of tokens
 */
export async function complete(
  base: string,
  { prompt, tokens, temperature = 0, seed = 1 }: CompletionRequest,
): Promise<TimedCompletion> {
  const timer = new TokenTimer();
  const response = await fetch(`${base}/completion`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({
      ...{ prompt, n_predict: tokens, ignore_eos: true, cache_prompt: false, stream: true },
      ...{ temperature, seed, top_k: 40, top_p: 0.95, min_p: 0.05 },
    }),
  });
  if (!response.ok || response.body === null) {
    throw new Error(`llama-server answered ${response.status}: ${await response.text()}`);
  }
  let text = '';
  let seen = 0;
  for await (const event of events(response.body)) {
    timer.arrived(event.tokens_predicted - seen);
    seen = event.tokens_predicted;
    text += event.content;
    if (!event.stop) continue;
    return timer.finish('llama-server', tokens, text, {
      drafted: event.timings?.draft_n ?? 0,
      accepted: event.timings?.draft_n_accepted ?? 0,
      steps: 0,
    });
  }
  throw new Error('the stream of llama-server ended without its last event');
}

/** Verify passes of drafts since the server started; llama-server tells them only here. @throws Error when it does not */
export async function countDraftSteps(base: string): Promise<number> {
  const response = await fetch(`${base}/metrics`);
  const metrics = await response.text();
  const [, count] = /^llamacpp:spec_decode_num_drafts_total (\d+)$/m.exec(metrics) ?? [];
  if (count === undefined) throw new Error('llama-server does not count its drafts');
  return Number(count);
}

interface CompletionEvent {
  readonly content: string;
  readonly stop: boolean;
  /** So far. */
  readonly tokens_predicted: number;
  readonly timings?: { readonly draft_n?: number; readonly draft_n_accepted?: number };
}

async function* events(body: ReadableStream<Uint8Array>): AsyncGenerator<CompletionEvent> {
  const decoder = new TextDecoder();
  let pending = '';
  for await (const chunk of body) {
    pending += decoder.decode(chunk, { stream: true });
    const blocks = pending.split('\n\n');
    pending = blocks.pop() ?? '';
    for (const block of blocks) {
      // The bundled llama-server is the only one that this talks to.
      if (block.startsWith('data: ')) yield JSON.parse(block.slice(6)) as CompletionEvent;
    }
  }
}
