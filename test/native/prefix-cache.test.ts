import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { type EngineClient } from '../../server/src/engine/client.js';
import {
  drafting,
  greedy,
  heldOutPrompts,
  say,
  startPair,
  undrafted,
} from '../support/native-engine.js';

const ways = {
  'plain decoding': undrafted,
  'a draft': drafting(4),
  'a draft that runs ahead': { ...drafting(3), overlap: true },
  'copies from the text': { ...undrafted, ngram: true },
};

describe('a prompt whose beginning is in KV already', () => {
  let engine: EngineClient;

  beforeAll(async () => {
    engine = await startPair({ contextLength: 256, parallelSequences: 4 });
  }, 60_000);

  afterAll(() => engine.close());

  it.each(Object.entries(ways))(
    'has the text that it has cold, with %s',
    async (_, speculation) => {
      let reused = 0;
      for (const [index, prompt] of heldOutPrompts.slice(0, 12).entries()) {
        const temperature = index % 2;
        const change = { sampling: { ...greedy, temperature, seed: 70 + index }, speculation };
        const cold = await say(engine, prompt, change);
        expect(cold.completion.usage.cachedTokens).toBe(0);
        // All of it, what the answer goes on with, and all but the end.
        for (const text of [prompt, prompt, prompt + cold.text, prompt.slice(0, -4)]) {
          const plain = await say(engine, text, { ...change, speculation: undrafted });
          const warm = await say(engine, text, { ...change, cachePrompt: true });

          expect({ text, ids: warm.ids }).toEqual({ text, ids: plain.ids });
          reused += warm.completion.usage.cachedTokens;
        }
      }
      expect(reused).toBeGreaterThan(300);
    },
    120_000,
  );

  it('is evaluated from there on only, on the target and on the draft', async () => {
    const change = { cachePrompt: true, maxTokens: 8, speculation: drafting(4) };
    const prompt = `Lily had a red ball that nobody else in the village had. ${heldOutPrompts[20] ?? ''}`;
    const first = await say(engine, prompt, change);
    const again = await say(engine, prompt, change);

    const { promptTokens } = again.completion.usage;
    expect(first.completion.usage.cachedTokens).toBeLessThan(promptTokens / 2);
    expect(again.completion.usage.cachedTokens).toBe(promptTokens - 1);
    expect(again.completion.speculation).toMatchObject({
      targetKvReusedTokens: promptTokens - 1,
      // The draft is asked behind the first token of the answer.
      draftKvReusedTokens: promptTokens,
    });
    expect(again.ids).toEqual(first.ids);
  });

  it('has the text that it has cold beside three others, which begin alike, and after cancelled ones', async () => {
    const shared = 'Once upon a time, in a small house near the forest, there lived a girl. ';
    const asked = heldOutPrompts.slice(30, 34).map((prompt, index) => ({
      prompt: shared + prompt,
      change: {
        sampling: { ...greedy, temperature: 0.8, seed: index },
        speculation: index % 2 === 0 ? drafting(3) : undrafted,
      },
    }));
    const cold = [];
    for (const { prompt, change } of asked) cold.push(await say(engine, prompt, change));
    await cancelled(engine, shared, 'started');
    await cancelled(engine, shared, 'step');

    for (let round = 0; round < 3; round++) {
      const warm = await Promise.all(
        asked.map(({ prompt, change }) => say(engine, prompt, { ...change, cachePrompt: true })),
      );
      expect(warm.map(({ ids }) => ids)).toEqual(cold.map(({ ids }) => ids));
      for (const { completion } of warm) expect(completion.usage.cachedTokens).toBeGreaterThan(10);
    }
  }, 60_000);

  it('is evaluated in full where the stream shares nothing', async () => {
    const prompt = heldOutPrompts[40] ?? '';
    await say(engine, prompt, { cachePrompt: true, maxTokens: 4 });
    const apart = await say(engine, prompt, { cachePrompt: false, maxTokens: 4 });

    expect(apart.completion.usage.cachedTokens).toBe(0);
  });
});

/** Gives a stream up at its first event of a kind. */
async function cancelled(engine: EngineClient, text: string, at: 'started' | 'step') {
  const stop = new AbortController();
  const promptIds = await engine.tokenize({
    model: 'models/target',
    text: text.repeat(3),
    addSpecial: true,
    parseSpecial: true,
  });
  const spec = {
    ...{ stream: engine.nextStream(), model: 'models/target', promptIds, maxTokens: 100, stop: [] },
    ...{ sampling: { ...greedy, ignoreEos: true }, speculation: drafting(4), cachePrompt: true },
    statsLevel: 'STATS_LEVEL_NONE',
  } as const;
  for await (const event of engine.generate(spec, stop.signal)) {
    expect(event.type).not.toBe('completed');
    if (event.type === at) stop.abort();
  }
}
