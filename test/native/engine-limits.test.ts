import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { type EngineClient } from '../../server/dist/engine/client.js';
import {
  drafting,
  embedded,
  greedy,
  loadFile,
  say,
  startEngine,
  undrafted,
} from '../support/native-engine.js';

describe('an engine at its limits', () => {
  let engine: EngineClient;

  beforeAll(async () => {
    engine = await startEngine();
    await loadFile(engine, 'models/target', embedded.target);
  }, 60_000);

  afterAll(() => engine.close());

  it.each([
    { batchSize: 1, microBatchSize: 1, parallelSequences: 1 },
    { batchSize: 2, microBatchSize: 2, parallelSequences: 4 },
    { batchSize: 3, microBatchSize: 1, parallelSequences: 64, contextLength: 32 },
  ])(
    'runs a model with %o',
    async options => {
      const plain = await say(engine, 'The king', { maxTokens: 8 });
      await loadFile(engine, 'models/small', embedded.target, options);

      const said = await Promise.all(
        [1, 2, 3].map(() => say(engine, 'The king', { model: 'models/small', maxTokens: 8 })),
      );

      expect(said.map(each => each.ids)).toEqual([plain.ids, plain.ids, plain.ids]);
      await engine.unload('models/small');
    },
    30_000,
  );

  it('hands the one sequence of a draft from stream to stream, cancelled ones included', async () => {
    await loadFile(engine, 'models/draft', embedded.draft, { parallelSequences: 1 });
    for (let round = 0; round < 5; round++) {
      const stop = new AbortController();
      const cancelled = (async () => {
        for await (const event of engine.generate(
          {
            stream: engine.nextStream(),
            model: 'models/target',
            promptIds: Uint32Array.from({ length: 300 }, (_, index) => 300 + index),
            maxTokens: 100,
            stop: [],
            sampling: { ...greedy, ignoreEos: true },
            speculation: drafting(4),
            cachePrompt: false,
            statsLevel: 'STATS_LEVEL_NONE',
          },
          stop.signal,
        ))
          if (event.type === 'step') stop.abort();
      })();
      stop.abort();
      // Not waited for: the draft's own stream may arrive before its chain is closed.
      const own = await say(engine, 'The king', { model: 'models/draft', maxTokens: 4 });
      expect(own.ids).toHaveLength(4);
      await cancelled;
    }
    await engine.unload('models/draft');
  }, 30_000);

  it('fails a stream that cannot begin and keeps the others', async () => {
    const { pid } = engine.status();
    const sampling = { ...greedy, logitBias: [{ tokenId: 999_999, bias: 1 }] };

    const [bad, good] = await Promise.allSettled([
      say(engine, 'The king', { sampling }),
      say(engine, 'The king', { maxTokens: 20 }),
    ]);

    expect(bad).toMatchObject({ status: 'rejected', reason: { reason: 'ENGINE_ERROR' } });
    expect(good.status).toBe('fulfilled');
    expect(engine.status().pid).toBe(pid);
  }, 30_000);

  it('ends only the stream whose token the model does not have', async () => {
    const { pid } = engine.status();
    const stranger = (async () => {
      for await (const event of engine.generate(
        {
          stream: engine.nextStream(),
          model: 'models/target',
          promptIds: Uint32Array.of(300, 999_999),
          maxTokens: 4,
          stop: [],
          sampling: greedy,
          speculation: undrafted,
          cachePrompt: false,
          statsLevel: 'STATS_LEVEL_NONE',
        },
        new AbortController().signal,
      ))
        expect(event.type).not.toBe('step');
    })();
    const [bad] = await Promise.allSettled([stranger]);
    const said = await say(engine, 'The king', { maxTokens: 20 });

    expect(bad).toMatchObject({ status: 'rejected', reason: { reason: 'ENGINE_ERROR' } });
    expect(said.ids).toHaveLength(20);
    expect(engine.status().pid).toBe(pid);
  }, 30_000);
});

describe('an engine whose backends complain while it starts', () => {
  it('starts and restarts all the same', async () => {
    // The restart opens the backends itself; ggml logs an error for a plug-in that is not there.
    process.env['GGML_BACKEND_PATH'] = '/nonexistent/backend.so';
    const engine = await startEngine();
    try {
      const restarted = new Promise<void>(resolve => engine.onRestart(resolve));
      process.kill(engine.status().pid ?? 0, 'SIGKILL');
      await restarted;

      expect(engine.status()).toMatchObject({ running: true, restarts: 1 });
    } finally {
      delete process.env['GGML_BACKEND_PATH'];
      await engine.close();
    }
  }, 60_000);
});
