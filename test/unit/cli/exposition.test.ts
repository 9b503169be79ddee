import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { Gauge, Registry } from 'prom-client';
import { readExposition } from '../../../server/src/cli/top/exposition.js';

describe('reading a scrape', () => {
  it('gives back every label and value that was written', async () => {
    const value = fc.oneof(fc.double({ noNaN: true }), fc.constantFrom(Infinity, -Infinity));
    const sample = fc.tuple(fc.string({ unit: 'binary' }), fc.string({ unit: 'binary' }), value);
    const rows = fc.uniqueArray(sample, {
      selector: ([a, b]) => JSON.stringify([a, b]),
      maxLength: 8,
    });
    await fc.assert(
      fc.asyncProperty(rows, async all => {
        const registry = new Registry();
        const gauge = new Gauge({
          ...{
            name: 'g',
            help: 'a } in { the "help"',
            labelNames: ['a', 'b'],
            registers: [registry],
          },
        });
        for (const [a, b, value] of all) gauge.set({ a, b }, value);

        const read = readExposition(await registry.metrics()).get('g') ?? [];

        const written = all.map(([a, b, value]) => ({ labels: { a, b }, value: value + 0 }));
        expect(read.map(one => ({ ...one, value: one.value + 0 }))).toEqual(written);
      }),
    );
  });

  it('passes over comments, empty lines and what it cannot read', () => {
    const text = '# HELP x y\n\nx 1\nnonsense\nx{a="b"} 2 1700000000\n';

    expect([...readExposition(text)]).toEqual([
      [
        'x',
        [
          { labels: {}, value: 1 },
          { labels: { a: 'b' }, value: 2 },
        ],
      ],
    ]);
  });
});
