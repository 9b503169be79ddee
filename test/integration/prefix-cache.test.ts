import { describe, expect, it } from '@jest/globals';
import { Outrider } from '@outrider/sdk';
import { scrapeUntil } from '../support/scrape.js';
import { startService } from '../support/serve.js';

const TARGET = { model: 'models/target' };
const prompt = 'Once upon a time there was a little girl who had a red ball and a blue kite.';

/** Writes with the pair that a service starts with; equal wishes, equal texts. */
const writer =
  (client: Outrider) =>
  (wish: Partial<Parameters<Outrider['generate']>[0]> = {}) =>
    client.generate({ model: 'target', prompt, maxTokens: 12, seed: 3, speculation: 3, ...wish });

describe('a server that is asked the same twice', () => {
  it('says how much of the prompt it did not evaluate again, and counts it', async () => {
    await using service = await startService(['--admin', '127.0.0.1:0']);
    await using client = await Outrider.connect(service.address);
    const write = writer(client);

    const first = await write();
    const second = await write({ cachePrompt: true });
    const apart = await write({ cachePrompt: false });

    const { promptTokens } = first.usage;
    expect(first.usage.cachedTokens).toBe(0);
    expect(second.usage).toMatchObject({ promptTokens, cachedTokens: promptTokens - 1 });
    expect(second.started.cachedTokens).toBe(promptTokens - 1);
    expect(second.speculation).toMatchObject({
      targetKvReusedTokens: promptTokens - 1,
      draftKvReusedTokens: promptTokens,
    });
    expect(apart.usage.cachedTokens).toBe(0);
    expect([second.tokenIds, apart.tokenIds]).toEqual([first.tokenIds, first.tokenIds]);
    const kept = await scrapeUntil(
      service.admin,
      scraped =>
        (scraped.value('outrider_kv_cache_used_tokens', TARGET) ?? 0) > promptTokens &&
        scraped.value('outrider_kv_cache_usage_perc', TARGET) === 0,
    );
    expect(kept.value('outrider_prompt_tokens_cached_total', TARGET)).toBe(promptTokens - 1);
  }, 60_000);

  it('evaluates it in full where dice accept, and leaves nothing of that to others', async () => {
    await using service = await startService(['--allow-synthetic']);
    await using client = await Outrider.connect(service.address);
    const write = writer(client);
    const roll = { speculation: { maxDraftTokens: 3, synthetic: [0.5] } };

    const before = await write(roll);
    const real = await write();
    const after = await write(roll);

    for (const { usage, speculation } of [before, real, after]) {
      expect(usage.cachedTokens).toBe(0);
      expect(speculation?.draftKvReusedTokens).toBe(0);
    }
  }, 60_000);

  it('evaluates it in full with --no-cache-prompt, and refuses to do otherwise', async () => {
    await using service = await startService(['--no-cache-prompt']);
    await using client = await Outrider.connect(service.address);
    const write = writer(client);

    const first = await write();
    const second = await write();

    expect([first, second].map(({ usage }) => usage.cachedTokens)).toEqual([0, 0]);
    expect(second.tokenIds).toEqual(first.tokenIds);
    await expect(write({ cachePrompt: true })).rejects.toMatchObject({
      reason: 'INVALID_FIELD',
      fieldViolations: [{ field: 'cache_prompt' }],
    });
  }, 60_000);
});
