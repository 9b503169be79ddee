import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { type GenerationEvent, Outrider } from '@outrider/sdk';
import { type GenerateRequest, SpeculationParams } from '@outrider/sdk/proto';
import { identityViolations } from '../support/identities.js';
import { eventsOf, rawClient } from '../support/raw-client.js';
import { type Service, startService } from '../support/serve.js';

const rates = [0.85, 0.5];
const warning = 'drafts are accepted by dice';

describe('synthetic acceptance on a server that allows it', () => {
  let service: Service;
  let client: Outrider;

  beforeAll(async () => {
    service = await startService(['--allow-synthetic']);
    client = await Outrider.connect(service.address);
  }, 90_000);

  afterAll(async () => {
    await client.close();
    await service.stop();
  });

  const roll = (wish: Partial<Parameters<Outrider['generate']>[0]> = {}) =>
    client.generate({
      model: 'target',
      prompt: 'Once upon a time',
      maxTokens: 300,
      ignoreEos: true,
      seed: 11,
      speculation: { mode: 'fixed', maxDraftTokens: 3, synthetic: rates, sources: ['draft_model'] },
      ...wish,
    });

  it('accepts at each position as often as asked', async () => {
    const reached = [0, 0, 0];
    const accepted = [0, 0, 0];
    for (const seed of [1, 2, 3]) {
      const generation = roll({ seed });
      for await (const { numDraftTokens, numAcceptedDraftTokens } of generation.steps())
        for (let position = 0; position < 3; position++) {
          if (numDraftTokens <= position || numAcceptedDraftTokens < position) continue;
          reached[position] = (reached[position] ?? 0) + 1;
          if (numAcceptedDraftTokens > position) accepted[position] = (accepted[position] ?? 0) + 1;
        }
    }

    for (const [position, count] of reached.entries()) {
      const rate = rates[Math.min(position, 1)] ?? 0;
      expect(count).toBeGreaterThan(50);
      expect(Math.abs((accepted[position] ?? 0) / count - rate)).toBeLessThan(
        4 * Math.sqrt((rate * (1 - rate)) / count),
      );
    }
  }, 60_000);

  it('marks every event and the result, and no others', async () => {
    const marks = async (generation: AsyncIterable<GenerationEvent>) => {
      const seen: unknown[] = [];
      for await (const { synthetic } of generation) seen.push(synthetic);
      return new Set(seen);
    };

    expect(await marks(roll({ maxTokens: 20 }))).toEqual(new Set([true]));
    expect(await marks(roll({ maxTokens: 20, speculation: 'auto' }))).toEqual(new Set([undefined]));
    expect((await roll({ maxTokens: 4 })).synthetic).toBe(true);
    expect((await roll({ maxTokens: 4, speculation: 'off' })).synthetic).toBeUndefined();
  });

  it('warns once per stream in the log', async () => {
    const warnings = () => service.log.split('\n').filter(line => line.includes(warning));
    const before = warnings().length;
    await roll({ maxTokens: 30 });
    await roll({ maxTokens: 30, speculation: 'auto' });
    // A second one, so that a late line of the first would be seen.
    await roll({ maxTokens: 30 });

    const lines = warnings().slice(before);
    expect(lines.map(line => (JSON.parse(line) as { level: number }).level)).toEqual([40, 40]);
  });

  it('keeps every identity of its statistics but what target ids say', async () => {
    using raw = rawClient(service.address);
    const ways: [string, Partial<SpeculationParams>][] = [
      ['fixed', { mode: 'SPECULATION_MODE_FIXED', maxDraftTokens: 6 }],
      ['automatic', { maxDraftTokens: 8 }],
      ['overlapped', { overlap: 'OVERLAP_ON' }],
      ['copied', { sources: ['DRAFT_SOURCE_NGRAM'] }],
    ];
    for (const [name, params] of ways) {
      const request: Partial<GenerateRequest> = {
        model: 'models/target',
        input: { $case: 'text', value: 'Once upon a time' },
        maxTokens: 120,
        statsLevel: 'STATS_LEVEL_DETAILED',
        speculation: SpeculationParams.fromPartial({ ...params, synthetic: { rates } }),
      };
      const events = await eventsOf(raw, request);

      expect([name, identityViolations(events)]).toEqual([name, []]);
      expect(events.every(({ synthetic }) => synthetic)).toBe(true);
    }
  }, 60_000);

  it('is told by an engine that asserts the invariants of every step', () => {
    expect(service.log).toContain('every step is held against its invariants');
  });
});

describe('synthetic acceptance on any other server', () => {
  it('is refused, and by no environment switched on that says no', async () => {
    await using service = await startService([], { OUTRIDER_ALLOW_SYNTHETIC: 'false' });
    await using client = await Outrider.connect(service.address);
    const speculation = { synthetic: [0.5] };

    await expect(
      client.generate({ model: 'target', prompt: 'Once', speculation }),
    ).rejects.toMatchObject({ reason: 'SYNTHETIC_DISABLED', code: 'PERMISSION_DENIED' });
  }, 60_000);
});
