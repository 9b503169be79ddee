import { describe, expect, it } from '@jest/globals';
import { StreamConsumedError } from '@outrider/sdk';
import { fakeOutrider } from '@outrider/sdk/testing';
import { collect, settle } from './collect.js';
import { rawServer } from './raw-server.js';
import { completion, started, step, story } from './wire-events.js';

const request = { model: 'big', prompt: 'Once' };

describe('a generation', () => {
  it('sends nothing before its first use', async () => {
    await using fake = await fakeOutrider();

    const generation = fake.client.generate(request);
    await settle();
    expect(fake.requests).toEqual([]);

    await generation;
    expect(fake.requests).toEqual([request]);
  });

  it('gives everything to whoever awaits it', async () => {
    await using server = await rawServer(() => story('Hello', ' there'));

    const result = await server.client.generate(request);

    expect(result).toMatchObject({
      text: 'Hello there',
      tokenIds: [0, 1],
      finishReason: 'length',
      matchedStop: undefined,
      usage: { promptTokens: 3, completionTokens: 2 },
      started: { requestId: 'r1', model: 'models/big', promptTokens: 3 },
    });
    expect(result.tokens.map(token => token.text)).toEqual(['Hello', ' there']);
    expect(result).not.toHaveProperty('type');
    expect(result.started).not.toHaveProperty('type');
  });

  it('tells its events in order', async () => {
    await using server = await rawServer(() => story('Hello', ' there'));

    const events = await collect(server.client.generate(request));

    expect(events.map(event => event.type)).toEqual(['started', 'step', 'step', 'completion']);
  });

  it('shows text without empty strings, tokens one by one, and steps that have statistics', async () => {
    await using fake = await fakeOutrider({ generate: () => ['a', '', 'b'] });

    expect(await collect(fake.client.generate(request).text())).toEqual(['a', 'b']);
    const tokens = await collect(fake.client.generate(request).tokens());
    expect(tokens.map(token => token.id)).toEqual([0, 1, 2]);
    expect(await collect(fake.client.generate(request).steps())).toEqual([]);
  });

  it('has its result ready beside and after an iteration', async () => {
    await using fake = await fakeOutrider();
    const generation = fake.client.generate(request);
    const beside = generation.result();

    const text = (await collect(generation.text())).join('');

    expect(text).toBe('Once upon a time');
    expect((await beside).text).toBe(text);
    expect(await generation).toBe(await beside);
    expect(fake.requests).toHaveLength(1);
  });

  it('tells its start beside an iteration', async () => {
    await using fake = await fakeOutrider();
    const generation = fake.client.generate(request);

    for await (const text of generation.text()) {
      expect(text).not.toBe('');
      expect((await generation.started()).model).toBe('models/big');
    }
    expect(fake.requests).toHaveLength(1);
  });

  it('loses no event to an iteration that begins after its start or even its end was awaited', async () => {
    await using fake = await fakeOutrider();

    const begun = fake.client.generate(request);
    await begun.started();
    expect(await collect(begun.text())).toEqual(['Once', ' upon', ' a time']);

    const over = fake.client.generate(request);
    await over;
    expect((await collect(over)).map(event => event.type)).toEqual([
      'started',
      'step',
      'step',
      'step',
      'completion',
    ]);
  });

  it('loses no event to a slow reader', async () => {
    const words = Array.from({ length: 3000 }, (_, i) => `${i} `.padEnd(40, '.'));
    await using fake = await fakeOutrider({ generate: () => words });
    const seen: string[] = [];

    for await (const text of fake.client.generate(request).text()) {
      if (seen.length % 500 === 0) await settle();
      seen.push(text);
    }

    expect(seen).toEqual(words);
  });

  it('can be iterated once, by whichever method', async () => {
    await using fake = await fakeOutrider();
    const generation = fake.client.generate(request);
    await collect(generation.text());

    await expect(collect(generation.text())).rejects.toBeInstanceOf(StreamConsumedError);
    await expect(collect(generation.tokens())).rejects.toBeInstanceOf(StreamConsumedError);
    await expect(collect(generation.steps())).rejects.toBeInstanceOf(StreamConsumedError);
    await expect(collect(generation)).rejects.toBeInstanceOf(StreamConsumedError);
    expect((await generation.result()).text).toBe('Once upon a time');
  });

  it('passes over events and enum values of newer servers', async () => {
    await using server = await rawServer(async function* () {
      yield started;
      yield undefined;
      yield step('Hello');
      yield {
        ...completion,
        value: { ...completion.value, finishReason: 'UNRECOGNIZED' },
      } as never;
    });

    const result = await server.client.generate(request);

    expect(result.text).toBe('Hello');
    expect(result.finishReason).toBeUndefined();
  });

  it('reads on to the status when the loop is left at the completion', async () => {
    let cancelled: boolean | undefined;
    await using server = await rawServer(async function* (_attempt, context) {
      yield* story('Hello');
      await settle();
      cancelled = context.signal.aborted;
    });
    const generation = server.client.generate(request);

    for await (const event of generation) if (event.type === 'completion') break;
    await server.calls[0]?.left;

    expect(cancelled).toBe(false);
    expect((await generation.result()).text).toBe('Hello');
  });
});
