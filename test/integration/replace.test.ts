import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { type LoadOptions, Outrider } from '@outrider/sdk';
import { type Service, startService } from '../support/serve.js';

const story = {
  model: 'target',
  prompt: 'Once upon a time',
  maxTokens: 300,
  ignoreEos: true,
  seed: 3,
  temperature: 0.8,
  speculation: 3,
} as const;

function withContext(contextLength: number): LoadOptions {
  return {
    id: 'draft',
    uri: 'embedded:draft',
    placement: { devices: 'none' },
    options: { threads: 1, calibrate: false, contextLength },
    draftFor: 'target',
    replace: true,
  };
}

describe('a draft that is replaced under a stream', () => {
  let service: Service;
  let client: Outrider;

  beforeAll(async () => {
    service = await startService();
    client = await Outrider.connect(service.address);
  }, 90_000);

  afterAll(async () => {
    await client.close();
    await service.stop();
  });

  it('changes nothing of the text, twice over', async () => {
    const plain = await client.generate({ ...story, speculation: 'off' });

    const stream = client.generate(story);
    let changes: Promise<unknown> = Promise.resolve();
    for await (const step of stream.steps()) {
      if (step.stepIndex !== 5) continue;
      for (const contextLength of [480, 448])
        changes = changes.then(async () => client.models.load(withContext(contextLength)));
    }
    await changes;
    const result = await stream.result();

    expect(result.tokenIds).toEqual(plain.tokenIds);
    expect(result.text).toBe(plain.text);
    expect(result.speculation?.offReason).toBeUndefined();
    const model = await client.models.get('draft');
    expect(model).toMatchObject({ state: 'ready', options: { contextLength: 448 } });
    expect(model.activeDrafts).toBe(0);
    expect((await client.models.get('target')).defaultDraft).toMatchObject({ available: true });
  }, 120_000);

  it('goes on drafting for requests that come later', async () => {
    const { started, speculation } = await client.generate({ ...story, maxTokens: 40 });

    expect(started.speculation).toMatchObject({ active: true, draftModel: 'models/draft' });
    expect(speculation?.numAcceptedDraftTokens).toBeGreaterThan(0);
  }, 60_000);

  it('is refused while the target generates, and the stream goes on', async () => {
    const stream = client.generate(story);
    await stream.started();

    const replacing = client.models.load({
      id: 'target',
      uri: 'embedded:target',
      options: { threads: 1, contextLength: 256 },
      replace: true,
    });

    await expect(Promise.resolve(replacing)).rejects.toMatchObject({ reason: 'MODEL_IN_USE' });
    expect((await stream).tokenIds).toHaveLength(story.maxTokens);
  }, 60_000);
});
