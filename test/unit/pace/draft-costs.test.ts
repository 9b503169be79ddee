import { describe, expect, it } from '@jest/globals';
import { DraftCosts } from '../../../server/src/engine/pace/draft-costs.js';

const plainUs = 20_000;

describe('the cost of a draft step', () => {
  it('is taken for a tenth of a plain step until something is known', () => {
    expect(new DraftCosts().stepUs(plainUs)).toBe(2_000);
    expect(new DraftCosts(900).stepUs(plainUs)).toBe(900);
  });

  it('comes to the time per drafted token', () => {
    const costs = new DraftCosts(900);

    for (let i = 0; i < 40; i++) costs.observe({ us: 6_000, tokens: 4, rows: i % 2 === 0 ? 4 : 5 });

    expect(costs.stepUs(plainUs)).toBeCloseTo(1_500, -1);
  });

  it('is not moved by an answer that had to read the prompt first', () => {
    const costs = new DraftCosts(1_000);

    costs.observe({ us: 104_000, tokens: 4, rows: 404 });

    expect(costs.stepUs(plainUs)).toBe(1_000);
    expect(costs.feedUs(plainUs)).toBeCloseTo(250, 6);
    expect(costs.readUs({ us: 104_000, tokens: 4, rows: 404 }, plainUs)).toBe(100_000);
    expect(costs.readUs({ us: 5_000, tokens: 4, rows: 5 }, plainUs)).toBe(0);
  });

  it('is hardly moved by one interrupted answer, nor by an answer without tokens', () => {
    const costs = new DraftCosts();
    for (let i = 0; i < 20; i++) costs.observe({ us: 4_000, tokens: 4, rows: 4 });

    costs.observe({ us: 900_000, tokens: 4, rows: 4 });
    costs.observe({ us: 900_000, tokens: 0, rows: 1 });

    expect(costs.stepUs(plainUs)).toBeLessThanOrEqual(1_100);
  });

  it('has the time of asking beside it, never below nothing', () => {
    const costs = new DraftCosts(1_000);
    for (let i = 0; i < 60; i++) costs.observeAsk(300);
    expect(costs.askUs).toBeCloseTo(300, 0);

    for (let i = 0; i < 200; i++) costs.observeAsk(-5_000);
    expect(costs.askUs).toBeCloseTo(0, 3);
  });
});
