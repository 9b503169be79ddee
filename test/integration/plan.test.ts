import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { type DecodeCost, Outrider, type Plan } from '@outrider/sdk';
import { type Service, startService } from '../support/serve.js';

const onCpu = { placement: { devices: 'none' }, options: { threads: 1 } } as const;
const pair = {
  target: { ...onCpu, uri: 'embedded:target' },
  draft: { ...onCpu, uri: 'embedded:draft' },
};

describe('a plan of a running server', () => {
  let service: Service;
  let client: Outrider;

  beforeAll(async () => {
    service = await startService(['-dev', 'none', '-c', '192']);
    client = await Outrider.connect(service.address);
  }, 90_000);

  afterAll(async () => {
    await client.close();
    await service.stop();
  });

  const cpuOf = ({ devices }: Plan) => devices.find(({ device }) => device === 'cpu');
  const costsOf = async (id: string): Promise<DecodeCost[]> =>
    (await client.models.get(id)).decodeCosts;

  it('expects the speed-up that the measured costs of both models give', async () => {
    const plan = await client.models.plan(pair);

    const expected = bestSpeedup(await costsOf('target'), await costsOf('draft'));
    expect(expected).toBeGreaterThan(0);
    expect((plan.expectedSpeedup ?? 0) / expected).toBeCloseTo(1, 4);
    expect(plan.expectedToPay).toBe(expected > 1);
    expect(plan.outlook).toContain(`${plan.expectedSpeedup?.toFixed(2)} times the plain speed`);
  }, 60_000);

  it('counts a draft in beside the loaded target that draft_for names', async () => {
    const [target, plan, empty] = [
      await client.models.get('target'),
      await client.models.plan({ draft: { ...pair.draft, draftFor: 'target' } }),
      await client.models.plan({
        draft: { ...pair.draft, draftFor: 'target' },
        assumeEmpty: true,
      }),
    ];

    expect(plan.target?.placement).toEqual(target.placement);
    expect(plan.target?.options).toEqual(target.options);
    expect(plan.draft?.placement).toMatchObject({ measured: false, totalLayers: 3 });
    expect(plan.draft?.options.contextLength).toBe(192);
    const drafted = plan.draft?.placement?.usage[0]?.totalBytes ?? 0;
    const held = target.placement?.usage[0]?.totalBytes ?? 0;
    expect(drafted).toBeGreaterThan(1_000_000);
    // What is loaded holds its memory already; on an empty machine it would need it.
    expect(cpuOf(plan)?.neededBytes).toBe(drafted);
    expect(cpuOf(empty)?.neededBytes).toBe(drafted + held);
    expect(cpuOf(empty)?.freeBytes).toBe(cpuOf(empty)?.totalBytes);
    expect(plan.expectedSpeedup).toBeGreaterThan(0);
  }, 60_000);

  it('refuses a draft for a target that is not there', async () => {
    const draft = { ...pair.draft, draftFor: 'nobody' };

    await expect(client.models.plan({ draft })).rejects.toMatchObject({
      reason: 'MODEL_NOT_FOUND',
    });
  });

  it('knows of no speed-up where either model was not measured', async () => {
    await client.models.unload('draft', { detach: true });

    const plan = await client.models.plan(pair);

    expect(plan).toMatchObject({ fits: true, expectedSpeedup: undefined });
    expect(plan.expectedToPay).toBeUndefined();
    expect(plan.outlook).toContain('load both models with calibration');
  }, 60_000);
});

/** Tokens of a step over its time, at the best of up to eight drafted tokens, when 70 % are accepted. */
function bestSpeedup(target: readonly DecodeCost[], draft: readonly DecodeCost[]): number {
  const at = (costs: readonly DecodeCost[], rows: number): number => {
    const above = costs.findIndex(cost => cost.rows >= rows);
    const [low, high] = [costs[Math.max(0, above - 1)], costs[above]];
    if (low === undefined || high === undefined) return Infinity;
    const share = high.rows === low.rows ? 0 : (rows - low.rows) / (high.rows - low.rows);
    return low.durationUs + share * (high.durationUs - low.durationUs);
  };
  const speedups = [1, 2, 3, 4, 5, 6, 7, 8].map(drafted => {
    let tokens = 1;
    for (let i = 1; i <= drafted; i++) tokens += 0.7 ** i;
    return (tokens * at(target, 1)) / (at(target, drafted + 1) + drafted * at(draft, 1));
  });
  return Math.max(...speedups);
}
