import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { type EngineClient } from '../../server/dist/engine/client.js';
import { type GenerateSpec } from '../../server/dist/engine/protocol.js';
import {
  drafting,
  embedded,
  greedy,
  loadFile,
  say,
  startPair,
  undrafted,
} from '../support/native-engine.js';

const prompt = 'Once upon a time';
const endless = { maxTokens: 400, sampling: { ...greedy, temperature: 0.8, ignoreEos: true } };

describe('a stream whose draft is exchanged', () => {
  let engine: EngineClient;

  beforeAll(async () => {
    engine = await startPair({ contextLength: 512 });
  }, 60_000);

  afterAll(() => engine.close());

  it('says the same, drafts with the new one, and gives the old one free', async () => {
    const plain = await say(engine, prompt, { ...endless, speculation: undrafted });
    for (const [moves, old] of ['models/draft', 'models/draft#1', 'models/draft#2'].entries()) {
      const next = `models/draft#${moves + 1}`;
      await loadFile(engine, next, embedded.draft, { contextLength: 480 - moves });
      const spec = await specOf(engine, { ...drafting(4), draftModel: old });

      const { ids, acceptedAfter, discarded } = await exchange(engine, spec, old, next);

      expect(ids).toEqual(plain.ids);
      // The old one is gone by then, so these are the new one's.
      expect(acceptedAfter).toBeGreaterThan(20);
      expect(discarded).toBeLessThanOrEqual(8);
    }
  }, 120_000);

  it('says the same when a second stream of the target keeps its draft', async () => {
    const plain = await say(engine, prompt, { ...endless, speculation: undrafted });
    await loadFile(engine, 'models/other', embedded.draft, { contextLength: 512 });
    const kept = say(engine, prompt, {
      ...endless,
      speculation: { ...drafting(3), draftModel: 'models/draft#3' },
    });
    const spec = await specOf(engine, { ...drafting(3), draftModel: 'models/draft#3' });
    const ids: number[] = [];
    for await (const event of engine.generate(spec, new AbortController().signal)) {
      if (event.type !== 'step') continue;
      ids.push(...event.step.tokens.map(token => token.id));
      if (ids.length < 40) engine.moveDraft(spec.stream, 'models/other');
      else if (ids.length < 80) engine.moveDraft(spec.stream, 'models/draft#3');
    }

    expect(ids).toEqual(plain.ids);
    expect((await kept).ids).toEqual(plain.ids);
  }, 60_000);
});

async function specOf(
  engine: EngineClient,
  speculation: GenerateSpec['speculation'],
): Promise<GenerateSpec> {
  const text = { model: 'models/target', text: prompt, addSpecial: true, parseSpecial: true };
  return {
    ...endless,
    stream: engine.nextStream(),
    model: 'models/target',
    promptIds: await engine.tokenize(text),
    stop: [],
    speculation,
    cachePrompt: false,
    statsLevel: 'STATS_LEVEL_STEPS',
  };
}

/** Runs a stream; after its fifth step the draft is exchanged, and the old one unloaded. */
async function exchange(engine: EngineClient, spec: GenerateSpec, from: string, to: string) {
  const ids: number[] = [];
  let steps = 0;
  const old = { gone: false };
  let acceptedAfter = 0;
  let discarded = 0;
  for await (const event of engine.generate(spec, new AbortController().signal)) {
    if (event.type !== 'step') continue;
    const { tokens, stats } = event.step;
    ids.push(...tokens.map(token => token.id));
    discarded += stats?.numDiscardedDraftTokens ?? 0;
    if (old.gone) acceptedAfter += stats?.numAcceptedDraftTokens ?? 0;
    if (++steps !== 5) continue;
    engine.moveDraft(spec.stream, to);
    void engine.unload(from).then(() => {
      old.gone = true;
    });
  }
  return { ids, acceptedAfter, discarded };
}
