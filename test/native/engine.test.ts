import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { RuntimeOptions } from '@outrider/sdk/proto';
import { copyFileSync, mkdtempSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { type EngineClient } from '../../server/dist/engine/client.js';
import {
  drafting,
  embedded,
  greedy,
  heldOutPrompts,
  loadFile,
  onCpu,
  say,
  startEngine,
  startPair,
  undrafted,
} from '../support/native-engine.js';

describe('the embedded pair in one engine', () => {
  let engine: EngineClient;

  beforeAll(async () => {
    engine = await startPair();
  }, 60_000);

  afterAll(() => engine.close());

  it('says the same alone and beside three other streams, drafted or not', async () => {
    const sampling = { ...greedy, temperature: 0.9 };
    const alone = [];
    for (const prompt of heldOutPrompts.slice(0, 4))
      alone.push(await say(engine, prompt, { sampling }));

    const together = await Promise.all(
      heldOutPrompts
        .slice(0, 4)
        .map((prompt, index) =>
          say(engine, prompt, { sampling, speculation: index % 2 === 0 ? drafting(3) : undrafted }),
        ),
    );

    expect(together.map(said => said.ids)).toEqual(alone.map(said => said.ids));
  }, 60_000);

  it('lets a model draft for one stream and generate another at once', async () => {
    const own = { model: 'models/draft', maxTokens: 48 };
    const alone = await say(engine, 'The little dog', own);

    const [drafted, generated] = await Promise.all([
      say(engine, 'Once upon a time', { speculation: drafting(4), maxTokens: 48 }),
      say(engine, 'The little dog', own),
    ]);

    expect(generated.ids).toEqual(alone.ids);
    expect(drafted.ids).toEqual((await say(engine, 'Once upon a time', { maxTokens: 48 })).ids);
  }, 60_000);

  it('fills the context to its last token and then ends that stream alone', async () => {
    const said = await say(engine, 'Once upon a time', {
      maxTokens: 512,
      speculation: drafting(7),
      sampling: { ...greedy, ignoreEos: true },
    });

    expect(said.completion.finishReason).toBe('FINISH_REASON_CONTEXT');
    expect(said.completion.usage.promptTokens + said.completion.usage.completionTokens).toBe(512);
  }, 60_000);

  it('stops within a step of a cancellation and gives the sequence back', async () => {
    const stop = new AbortController();
    const spec = {
      stream: engine.nextStream(),
      model: 'models/target',
      promptIds: Uint32Array.of(300),
      maxTokens: 500,
      stop: [],
      sampling: { ...greedy, ignoreEos: true },
      speculation: drafting(4),
      cachePrompt: false,
      statsLevel: 'STATS_LEVEL_STEPS',
    } as const;
    let steps = 0;
    for await (const event of engine.generate(spec, stop.signal))
      if (event.type === 'step' && ++steps === 3) stop.abort();
    expect(steps).toBe(3);

    // Every sequence of both models is free again: four drafted streams at once run.
    const four = await Promise.all(
      [0, 1, 2, 3].map(() => say(engine, 'A', { speculation: drafting(2), maxTokens: 8 })),
    );
    for (const said of four) expect(said.completion.speculation.numSpecSteps).toBeGreaterThan(0);
  }, 60_000);

  it('goes on without a draft that is taken away', async () => {
    const stream = engine.nextStream();
    const plain = await say(engine, 'Once upon a time', { maxTokens: 64 });
    const promptIds = await engine.tokenize({
      model: 'models/target',
      text: 'Once upon a time',
      addSpecial: true,
      parseSpecial: true,
    });
    const ids: number[] = [];
    let offReason: string | undefined;
    for await (const event of engine.generate(
      {
        stream,
        model: 'models/target',
        promptIds,
        maxTokens: 64,
        stop: [],
        sampling: greedy,
        speculation: drafting(2),
        cachePrompt: false,
        statsLevel: 'STATS_LEVEL_STEPS',
      },
      new AbortController().signal,
    )) {
      if (event.type === 'step') {
        ids.push(...event.step.tokens.map(token => token.id));
        if (ids.length < 8) engine.detachDraft(stream);
      } else if (event.type === 'completed') offReason = event.completion.speculation.offReason;
    }

    expect(ids).toEqual(plain.ids);
    expect(offReason).toBe('SPECULATION_OFF_REASON_DRAFT_UNLOADED');
  }, 60_000);

  it('turns text to ids and back, whatever the bytes', async () => {
    for (const text of ['Hello', ' two  spaces', 'naïve café ☃ 🦊', 'a\nb\tc', '']) {
      const ids = await engine.tokenize({
        model: 'models/target',
        text,
        addSpecial: false,
        parseSpecial: false,
      });
      const back = await engine.detokenize({
        model: 'models/target',
        tokenIds: Array.from(ids),
        renderSpecial: false,
      });
      expect(back).toBe(text);
    }
  });

  it('reads back where the bytes went', async () => {
    const loaded = await loadFile(engine, 'models/third', embedded.target, {
      parallelSequences: 1,
      contextLength: 256,
    });
    await engine.unload('models/third');

    expect(loaded.placement).toMatchObject({
      devices: [],
      gpuLayers: 0,
      totalLayers: 6,
      measured: true,
    });
    const [cpu] = loaded.placement.usage;
    expect(cpu).toMatchObject({ device: 'cpu', layers: 6 });
    // 5 layers x (keys and values) x 256 cells x 160 values x 2 bytes.
    expect(cpu?.kvCacheBytes).toBeCloseTo(5 * 2 * 256 * 160 * 2, -4);
    expect(cpu?.weightsBytes).toBeGreaterThan(7_000_000);
    expect(loaded.options).toMatchObject({ threads: 1, contextLength: 256, parallelSequences: 1 });
  }, 30_000);
});

describe('an engine that is given a bad file', () => {
  let engine: EngineClient;
  let directory: string;

  beforeAll(async () => {
    engine = await startEngine();
    directory = mkdtempSync(path.join(os.tmpdir(), 'outrider-files-'));
  }, 60_000);

  afterAll(async () => {
    await engine.close();
    rmSync(directory, { recursive: true, force: true });
  });

  it.each([
    ['a text file', (file: string) => writeFileSync(file, 'Once upon a time'.repeat(99))],
    ['an empty file', (file: string) => writeFileSync(file, '')],
    ['a header that is cut off', (file: string) => truncated(file, 2000)],
    ['tensors that are cut off', (file: string) => truncated(file, 500_000)],
  ])(
    'refuses %s and loads the next one',
    async (_what, make) => {
      const file = path.join(directory, 'bad.gguf');
      make(file);

      await expect(loadFile(engine, 'models/bad', file)).rejects.toMatchObject({
        reason: 'BAD_MODEL_FILE',
      });
      await loadFile(engine, 'models/target', embedded.draft);
      expect((await say(engine, 'A', { maxTokens: 2 })).ids).toHaveLength(2);
      await engine.unload('models/target');
    },
    30_000,
  );

  it('gives a load up when nobody wants it any more', async () => {
    const stop = new AbortController();
    const load = engine.load(
      {
        model: 'models/unwanted',
        path: embedded.target,
        placement: onCpu,
        options: RuntimeOptions.fromPartial({ threads: 1 }),
      },
      { signal: stop.signal, onProgress: () => stop.abort() },
    );

    await expect(load).rejects.toMatchObject({ reason: 'CANCELLED' });
    await loadFile(engine, 'models/target', embedded.draft);
    await engine.unload('models/target');
  }, 30_000);
});

describe('an engine process that is killed', () => {
  it('fails its streams and calls with ENGINE_RESTARTED and comes back', async () => {
    const engine = await startEngine();
    try {
      await loadFile(engine, 'models/target', embedded.target);
      const restarted = new Promise<void>(resolve => engine.onRestart(resolve));
      const exits: string[] = [];
      engine.onExit(exit => exits.push(exit.how));
      const stream = engine.generate(
        {
          stream: engine.nextStream(),
          model: 'models/target',
          promptIds: Uint32Array.of(300),
          maxTokens: 500,
          stop: [],
          sampling: { ...greedy, ignoreEos: true },
          speculation: undrafted,
          cachePrompt: false,
          statsLevel: 'STATS_LEVEL_NONE',
        },
        new AbortController().signal,
      );
      const reading = (async () => {
        for await (const event of stream)
          if (event.type === 'step') process.kill(engine.status().pid ?? 0, 'SIGKILL');
      })();

      await expect(reading).rejects.toMatchObject({ reason: 'ENGINE_RESTARTED' });
      await restarted;
      expect(exits).toEqual(['SIGKILL']);
      expect(engine.status()).toMatchObject({ running: true, restarts: 1, lastExit: 'SIGKILL' });
      await loadFile(engine, 'models/target', embedded.target);
      expect((await say(engine, 'A', { maxTokens: 3 })).ids).toHaveLength(3);
    } finally {
      await engine.close();
    }
  }, 60_000);
});

function truncated(file: string, bytes: number): void {
  copyFileSync(embedded.draft, file);
  truncateSync(file, bytes);
}
