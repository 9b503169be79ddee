import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import { text } from 'node:stream/consumers';
import { complete, countDraftSteps } from '../../../bench/src/llama-server/completion.js';
import { TokenTimer } from '../../../bench/src/timed-completion.js';

describe('a completion of llama-server', () => {
  let server: Server;
  let base: string;
  let events: object[];
  let asked: unknown;
  const metrics = 'llamacpp:tokens_predicted_total 9\nllamacpp:spec_decode_num_drafts_total 7\n';

  beforeEach(async () => {
    events = [];
    server = createServer((request, response) => {
      void (async () => {
        if (request.url === '/metrics') return response.end(metrics);
        asked = JSON.parse(await text(request));
        return response.end(events.map(event => `data: ${JSON.stringify(event)}\n\n`).join(''));
      })();
    }).listen(0, '127.0.0.1');
    await once(server, 'listening');
    const address = server.address();
    base = `http://127.0.0.1:${typeof address === 'object' ? (address?.port ?? 0) : 0}`;
  });
  afterEach(async () => {
    server.closeAllConnections();
    server.close();
    await once(server, 'close');
  });

  it('has its text, a pause per token after the first, and what was drafted', async () => {
    events = [
      { content: 'Once', stop: false, tokens_predicted: 1 },
      { content: ' upon', stop: false, tokens_predicted: 2 },
      { content: ' a time', stop: false, tokens_predicted: 4 },
      {
        ...{ content: '', stop: true, tokens_predicted: 4 },
        timings: { draft_n: 3, draft_n_accepted: 2 },
      },
    ];

    const completion = await complete(base, { prompt: 'P', tokens: 4, temperature: 0.8, seed: 3 });

    expect(completion).toMatchObject({
      text: 'Once upon a time',
      tokens: 4,
      drafts: { drafted: 3, accepted: 2, steps: 0 },
    });
    expect(completion.gapsMs).toHaveLength(3);
    expect(asked).toMatchObject({
      ...{ prompt: 'P', n_predict: 4, temperature: 0.8, seed: 3 },
      ...{ cache_prompt: false, ignore_eos: true, stream: true },
    });
  });

  it('is refused when it has another number of tokens', async () => {
    events = [{ content: 'Once', stop: true, tokens_predicted: 1 }];

    await expect(complete(base, { prompt: 'P', tokens: 2 })).rejects.toThrow(
      'llama-server made 1 tokens instead of 2',
    );
  });

  it('is refused when its stream ends too early', async () => {
    events = [{ content: 'Once', stop: false, tokens_predicted: 1 }];

    await expect(complete(base, { prompt: 'P', tokens: 1 })).rejects.toThrow(
      'without its last event',
    );
  });

  it('has its verify passes counted by the server', async () => {
    await expect(countDraftSteps(base)).resolves.toBe(7);
  });
});

describe('a token timer', () => {
  it('gives tokens that came together no pause', () => {
    const timer = new TokenTimer();
    timer.arrived(1);
    timer.arrived(3);

    const { tokens, gapsMs } = timer.finish('it', 4, 'text');

    expect(tokens).toBe(4);
    expect(gapsMs.slice(1)).toEqual([0, 0]);
  });

  it('does not count events without tokens', () => {
    const timer = new TokenTimer();
    timer.arrived(0);

    expect(() => timer.finish('it', 1, '')).toThrow('it made 0 tokens instead of 1');
  });
});
