import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { type GenerateRequest, SamplingParams, type SpeculationSummary } from '@outrider/sdk/proto';
import { eventsOf, type RawClient, rawClient } from '../support/raw-client.js';
import { scrape, type Scraped, scrapeUntil } from '../support/scrape.js';
import { type Service, startService } from '../support/serve.js';
import { jsonLines, outrider } from './cli/command.js';

const TARGET = { model: 'models/target' };
const SPEC = 'outrider_spec_decode';
const endless = SamplingParams.fromPartial({ ignoreEos: true });
const base = {
  model: 'models/target',
  input: { $case: 'text', value: 'Once upon a time' },
  maxTokens: 24,
} as const satisfies Partial<GenerateRequest>;

describe('the metrics of a started service', () => {
  let service: Service;
  let client: RawClient;

  beforeAll(async () => {
    service = await startService(['--admin', '127.0.0.1:0', '--speculation', '4']);
    client = rawClient(service.address);
  }, 90_000);

  afterAll(async () => {
    client[Symbol.dispose]();
    await service.stop();
  });

  it('grow by what the summary of a stream says', async () => {
    const before = await scrape(service.admin);
    const events = await eventsOf(client, { ...base, statsLevel: 'STATS_LEVEL_SUMMARY' });
    const after = await scrape(service.admin);

    const last = events.at(-1)?.event;
    expect(last?.$case).toBe('completion');
    if (last?.$case !== 'completion' || last.value.speculation === undefined) return;
    const { speculation, usage } = last.value;
    expect(growth(before, after)).toEqual({
      ...expected(speculation),
      generated: usage?.completionTokens,
      prompt: usage?.promptTokens,
    });
    expect(speculation.numAcceptedDraftTokens).toBeGreaterThan(0);
    const perPosition = after.byPosition(`${SPEC}_num_accepted_tokens_per_pos_total`, TARGET);
    const known = speculation.acceptedPerPosition.slice(0, perPosition.length);
    expect(perPosition).toEqual(known);
  }, 30_000);

  it('grow as well where the caller wants no statistics, and gets none', async () => {
    const before = await scrape(service.admin);
    const events = await eventsOf(client, { ...base, statsLevel: 'STATS_LEVEL_NONE' });
    const grown = growth(before, await scrape(service.admin));

    const told = events.flatMap(({ event }) =>
      event?.$case === 'step' || event?.$case === 'completion' ? [event.value] : [],
    );
    expect(told.filter(value => 'stats' in value && value.stats !== undefined)).toEqual([]);
    expect(told.filter(value => 'speculation' in value && value.speculation)).toEqual([]);
    expect(grown.generated).toBe(24);
    expect(grown.drafts).toBeGreaterThan(0);
  }, 30_000);

  it('show the memory that the models hold, and the KV cache in use while a stream runs', async () => {
    const { model } = await client.models.getModel({ name: 'models/target' });
    const seen = new AbortController();
    // One after the other, because one stream may end between two reports of the engine.
    const busy = (async () => {
      while (!seen.signal.aborted)
        await eventsOf(client, { ...base, maxTokens: 480, sampling: endless });
    })();
    const during = await scrapeUntil(
      service.admin,
      scraped => (scraped.value('outrider_kv_cache_usage_perc', TARGET) ?? 0) > 0,
    );
    seen.abort();
    await busy;

    const [usage] = model?.placement?.usage ?? [];
    const weights = { ...TARGET, device: 'cpu', kind: 'weights' };
    expect(during.value('outrider_model_memory_bytes', weights)).toBe(usage?.weightsBytes);
    const [used = 0, capacity = 0] = ['used', 'capacity'].map(what =>
      during.value(`outrider_kv_cache_${what}_tokens`, TARGET),
    );
    expect(capacity).toBe(model?.kvTotalTokens);
    // Streams before it have left something, which is in the cache and gives way.
    const running = during.value('outrider_kv_cache_usage_perc', TARGET);
    expect(running).toBeLessThanOrEqual(used / capacity);
  }, 30_000);

  it('are what outrider top shows', async () => {
    const argv = ['top', '--admin', service.admin ?? '', '--once', '--interval', '100'];

    const [table, json] = [await outrider(argv), await outrider([...argv, '--json'])];

    expect([table.exit, table.err, json.exit]).toEqual([0, '', 0]);
    expect(table.out).toMatch(/\nmodels\/target +ready /);
    expect(jsonLines(json.out)).toMatchObject([
      {
        models: [{ model: 'models/target', state: 'ready' }, { model: 'models/draft' }],
        devices: expect.arrayContaining([expect.objectContaining({ device: 'cpu' })]),
        engines: [{ engine: 'default', up: true }],
      },
    ]);
  }, 30_000);
});

function growth(before: Scraped, after: Scraped) {
  const grown = (name: string) =>
    (after.value(name, TARGET) ?? 0) - (before.value(name, TARGET) ?? 0);
  const us = (kind: string) => Math.round(grown(`outrider_step_${kind}_seconds_sum`) * 1e6);
  return {
    generated: grown('outrider_generation_tokens_total'),
    prompt: grown('outrider_prompt_tokens_total'),
    steps: grown('outrider_steps_total'),
    drafts: grown(`${SPEC}_num_drafts_total`),
    drafted: grown(`${SPEC}_num_draft_tokens_total`),
    accepted: grown(`${SPEC}_num_accepted_tokens_total`),
    discarded: grown(`${SPEC}_num_discarded_tokens_total`),
    verifyUs: us('verify'),
    draftUs: us('draft'),
    idleUs: us('idle'),
    overheadUs: us('overhead'),
  };
}

function expected(summary: SpeculationSummary) {
  return {
    steps: summary.numSteps,
    drafts: summary.numSpecSteps,
    drafted: summary.numDraftTokens,
    accepted: summary.numAcceptedDraftTokens,
    discarded: summary.numDiscardedDraftTokens,
    verifyUs: summary.verifyUs,
    draftUs: summary.draftUs,
    idleUs: summary.idleUs,
    overheadUs: summary.overheadUs,
  };
}
