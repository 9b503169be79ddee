import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { Histogram, Registry } from 'prom-client';
import { ModelTally } from '../../../server/src/observability/model-tally.js';
import { registerTallies } from '../../../server/src/observability/tally-metrics.js';
import { STEP_BOUNDS_US } from '../../../server/src/observability/time-buckets.js';
import { Scraped } from '../../support/scrape.js';

describe('tallies as metrics', () => {
  it('show the histogram that the library itself would show', async () => {
    const name = 'outrider_step_verify_seconds';
    const times = fc.array(
      fc.oneof(fc.nat(3_000_000), fc.constantFrom(...STEP_BOUNDS_US), fc.nat(200)),
      { maxLength: 50 },
    );
    await fc.assert(
      fc.asyncProperty(times, async all => {
        const tally = new ModelTally();
        const [ours, theirs] = [new Registry(), new Registry()];
        registerTallies(ours, new Map([['models/a', tally]]));
        const reference = new Histogram({
          ...{ name, help: 'reference', labelNames: ['model'], registers: [theirs] },
          buckets: STEP_BOUNDS_US.map(us => us / 1e6),
        });
        reference.zero({ model: 'models/a' });
        for (const us of all) {
          tally.verifyTimes.observe(us);
          reference.observe({ model: 'models/a' }, us / 1e6);
        }

        const [shown, expected] = [
          new Scraped(await ours.metrics()),
          new Scraped(await theirs.metrics()),
        ];

        const buckets = (scraped: Scraped) =>
          (scraped.metrics.get(`${name}_bucket`) ?? []).map(({ labels, value }) => [
            labels['le'],
            value,
          ]);
        expect(buckets(shown)).toEqual(buckets(expected));
        expect(shown.value(`${name}_count`)).toBe(all.length);
        expect(shown.value(`${name}_sum`)).toBeCloseTo(expected.value(`${name}_sum`) ?? NaN, 9);
      }),
      { numRuns: 50 },
    );
  });

  it('do not grow when they are read twice', async () => {
    const tally = new ModelTally();
    tally.generatedTokens = 7;
    tally.acceptedAt.push(3, 1);
    const registry = new Registry();
    registerTallies(registry, new Map([['models/a', tally]]));

    const first = new Scraped(await registry.metrics());
    const second = new Scraped(await registry.metrics());

    expect(second.text).toBe(first.text);
    expect(second.value('outrider_generation_tokens_total', { model: 'models/a' })).toBe(7);
    const name = 'outrider_spec_decode_num_accepted_tokens_per_pos_total';
    expect(second.byPosition(name, { model: 'models/a' })).toEqual([3, 1]);
  });
});
