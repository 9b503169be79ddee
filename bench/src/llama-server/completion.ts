import { type TimedCompletion } from '../timed-completion.js';

/**
 * Streams one greedy completion from llama-server and times what arrives.
 * @param base address, for example `http://127.0.0.1:8080`
 * @param tokens how many to make; an end of text does not end it earlier
 * @throws Error when the server refuses, or makes another number of tokens
 */
export async function complete(
  base: string,
  prompt: string,
  tokens: number,
): Promise<TimedCompletion> {
  const start = performance.now();
  const response = await fetch(`${base}/completion`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({
      prompt,
      n_predict: tokens,
      temperature: 0,
      cache_prompt: false,
      ignore_eos: true,
      stream: true,
    }),
  });
  if (!response.ok || response.body === null) {
    throw new Error(`llama-server answered ${response.status}: ${await response.text()}`);
  }
  let text = '';
  let first: number | undefined;
  for await (const event of events(response.body)) {
    first ??= performance.now();
    text += event.content;
    if (!event.stop) continue;
    if (event.tokens_predicted !== tokens) {
      throw new Error(`llama-server made ${event.tokens_predicted} tokens instead of ${tokens}`);
    }
    return { text, tokens, firstTokenMs: first - start, remainingMs: performance.now() - first };
  }
  throw new Error('the stream of llama-server ended without its last event');
}

interface CompletionEvent {
  readonly content: string;
  readonly stop: boolean;
  readonly tokens_predicted: number;
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
