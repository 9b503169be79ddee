import { describe, expect, it } from '@jest/globals';
import { fakeOutrider } from '@outrider/sdk/testing';
import { completeWithOutrider } from '../../../bench/src/outrider-completion.js';

describe('a completion of Outrider', () => {
  it('asks for the same sampling as llama-server, and for nothing cached', async () => {
    await using fake = await fakeOutrider();

    const request = { prompt: 'P', tokens: 3, temperature: 0.8, seed: 3 };
    const completion = await completeWithOutrider(fake.client, request);

    expect(completion).toMatchObject({ text: 'Once upon a time', tokens: 3 });
    expect(completion.gapsMs).toHaveLength(2);
    expect(fake.requests).toMatchObject([
      {
        ...{ model: 'big', draftModel: null, prompt: 'P', maxTokens: 3, seed: 3 },
        ...{ temperature: expect.closeTo(0.8), topK: 40, topP: expect.closeTo(0.95) },
        ...{ ignoreEos: true, cachePrompt: false, speculation: { mode: 'off' } },
      },
    ]);
  });

  it('names the draft and its length', async () => {
    await using fake = await fakeOutrider();
    const drafting = { draftModel: 'small', speculation: 7 } as const;

    // The scripted server never speculates.
    await expect(
      completeWithOutrider(fake.client, { prompt: 'P', tokens: 3 }, drafting),
    ).rejects.toThrow('speculation is not as asked for');

    expect(fake.requests).toMatchObject([
      { draftModel: 'small', speculation: { mode: 'fixed', maxDraftTokens: 7 } },
    ]);
  });

  it('is refused when it has another number of tokens', async () => {
    await using fake = await fakeOutrider();

    await expect(completeWithOutrider(fake.client, { prompt: 'P', tokens: 4 })).rejects.toThrow(
      'outrider made 3 tokens instead of 4',
    );
  });
});
