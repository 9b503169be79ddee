import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { FlashAttention, KvCacheType } from '@outrider/sdk/proto';
import { type EngineClient } from '../../server/dist/engine/client.js';
import { type GenerateSpec } from '../../server/dist/engine/protocol.js';
import {
  drafting,
  embedded,
  greedy,
  heldOutPrompts,
  loadFile,
  say,
  startEngine,
  startPair,
  undrafted,
} from '../support/native-engine.js';

const endless = { ...greedy, ignoreEos: true };
// llama.cpp sums in another order in a batch of another shape. In f32 that is a millionth; a cache in f16, or flash
// attention, makes it a thousandth, which is enough to turn a choice between near equals once in a thousand tokens.
const exact = {
  kvTypeK: KvCacheType.F32,
  kvTypeV: KvCacheType.F32,
  flashAttention: FlashAttention.OFF,
};

describe('eight streams of one model', () => {
  let engine: EngineClient;

  beforeAll(async () => {
    engine = await startPair({ ...exact, parallelSequences: 8 });
  }, 60_000);

  afterAll(() => engine.close());

  it.each([
    [0, 'without drafts', undrafted],
    [1, 'without drafts', undrafted],
    [0, 'with drafts', drafting(3)],
    [1, 'with drafts', drafting(3)],
  ] as const)(
    'each say what they say alone at temperature %d %s, also when a long prompt comes in the middle',
    async (temperature, _how, speculation) => {
      const ask = (prompt: string, index: number, maxTokens = 40) => ({
        prompt,
        change: { maxTokens, speculation, sampling: { ...endless, temperature, seed: 7 + index } },
      });
      const asked = [
        ...heldOutPrompts.slice(0, 7).map((prompt, i) => ask(prompt, i)),
        ask(long, 7, 12),
      ];
      const alone = [];
      for (const { prompt, change } of asked) alone.push(await say(engine, prompt, change));

      const running = asked.slice(0, 7).map(({ prompt, change }) => begin(engine, prompt, change));
      const [first] = running;
      await first?.steps(5);
      const late = begin(engine, long, asked[7]?.change ?? {});
      const together = await Promise.all([...running, late].map(stream => stream.ids));

      expect(together).toEqual(alone.map(said => said.ids));
      // Were they served one after the other, equality would show nothing. Who waits for a draft misses a batch.
      const most = Math.max(...(await Promise.all(running.map(stream => stream.batches))).flat());
      expect(most).toBeGreaterThanOrEqual(speculation === undrafted ? 8 : 3);
    },
    120_000,
  );
});

describe('a model with fewer sequences than streams', () => {
  it.each([1, 3])(
    'serves %d at once and the others after them',
    async parallelSequences => {
      const engine = await startEngine();
      try {
        await loadFile(engine, 'models/target', embedded.target, { parallelSequences });
        const streams = heldOutPrompts
          .slice(0, 5)
          .map(prompt => begin(engine, prompt, { maxTokens: 16, sampling: endless }));

        const batches = await Promise.all(streams.map(stream => stream.batches));

        expect(Math.max(...batches.flat())).toBe(parallelSequences);
        for (const of of batches) expect(of).toHaveLength(15);
      } finally {
        await engine.close();
      }
    },
    60_000,
  );
});

describe('a long prompt beside streams that decode', () => {
  it('is read in pieces, and they get a token with every piece', async () => {
    const engine = await startEngine();
    try {
      // The cap beside decoding streams is 256 rows, or a micro-batch where that is less.
      const microBatchSize = 32;
      await loadFile(engine, 'models/target', embedded.target, { microBatchSize });
      const order: string[] = [];
      const short = begin(
        engine,
        heldOutPrompts[0] ?? '',
        { maxTokens: 120, sampling: endless },
        () => order.push('short'),
      );
      await short.steps(5);
      const late = begin(engine, long, { maxTokens: 2, sampling: endless }, () =>
        order.push('long'),
      );
      order.length = 0;
      await late.ids;

      const pieces = Math.ceil((await late.promptTokens) / microBatchSize);
      expect(pieces).toBeGreaterThan(10);
      const before = order.indexOf('long');
      expect(before).toBeGreaterThanOrEqual(pieces - 1);
      await short.ids;
    } finally {
      await engine.close();
    }
  }, 60_000);
});

const long = heldOutPrompts.slice(8).join(' ').slice(0, 1_200);

/** One stream that runs. */
interface Stream {
  /** Resolves when so many steps were seen, or the stream is over. */
  steps(count: number): Promise<void>;
  readonly ids: Promise<number[]>;
  /** Streams in the batch of every step but the first, which ends the prompt. */
  readonly batches: Promise<number[]>;
  readonly promptTokens: Promise<number>;
}

/** Begins a stream of `models/target` without waiting for it. */
function begin(
  engine: EngineClient,
  prompt: string,
  change: Partial<Omit<GenerateSpec, 'promptIds'>>,
  onStep: () => void = () => undefined,
): Stream {
  let seen = 0;
  const waiting: { readonly count: number; readonly done: () => void }[] = [];
  const batches: number[] = [];
  const noted = (stats: { readonly batchSize: number } | undefined): void => {
    onStep();
    seen++;
    if (stats !== undefined) batches.push(stats.batchSize);
    for (const { count, done } of waiting) if (seen >= count) done();
  };
  const said = say(engine, prompt, change, noted);
  return {
    steps: async count => {
      await Promise.race([new Promise<void>(done => waiting.push({ count, done })), said]);
    },
    ids: said.then(({ ids }) => [...ids]),
    batches: said.then(() => batches),
    promptTokens: said.then(({ completion }) => completion.usage.promptTokens),
  };
}
