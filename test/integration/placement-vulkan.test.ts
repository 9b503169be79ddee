import { afterAll, afterEach, beforeAll, expect, it } from '@jest/globals';
import { type LoadOptions, type Model, Outrider, type Token } from '@outrider/sdk';
import { greedyDifference } from '../support/near-tie.js';
import { embedded } from '../support/native-engine.js';
import { expectPlaced, type LayerMap, small, usageOn } from '../support/placed.js';
import { type Service, startService } from '../support/serve.js';
import { describeOnGpus, gpuTitle, twoVulkanDevices } from '../support/vulkan.js';

const story = {
  prompt: 'Once upon a time',
  maxTokens: 20,
  temperature: 0,
  ignoreEos: true,
  logprobs: 2,
} as const;
const reference = ['models/target', 'models/draft'];
/** Of the target's six layers, the output layer counted; the draft has three. */
const wholeTarget = [0, 1, 2, 3, 4, 5];
const wholeDraft = [0, 1, 2];

describeOnGpus(`target and draft on two Vulkan devices${gpuTitle}`, () => {
  let service: Service;
  let client: Outrider;
  let onCpu: readonly Token[];

  beforeAll(async () => {
    // The embedded pair, on the CPU, is what the others are compared with.
    service = await startService(['-dev', 'none', '-c', '256', '-np', '1'], twoVulkanDevices);
    client = await Outrider.connect(service.address);
    const plain = { ...story, maxTokens: 240, speculation: 'off' } as const;
    onCpu = (await client.generate({ ...plain, model: 'target' })).tokens;
  }, 90_000);

  afterEach(async () => {
    for (const { name } of await client.models.list())
      if (!reference.includes(name)) await client.models.unload(name, { force: true });
  });

  afterAll(async () => {
    await client.close();
    await service.stop();
  });

  const load = async (options: LoadOptions, layers: LayerMap): Promise<Model> => {
    const model = await client.models.load({ ...options, options: small });
    const file = options.uri === 'embedded:draft' ? embedded.draft : embedded.target;
    await expectPlaced(client, model, { file, layers });
    return model;
  };
  const big = (placement: LoadOptions['placement']): LoadOptions => ({
    id: 'big',
    uri: 'embedded:target',
    placement,
  });
  const little = (placement: LoadOptions['placement']): LoadOptions => ({
    id: 'little',
    uri: 'embedded:draft',
    placement,
    draftFor: 'big',
  });

  it('hold the draft on Vulkan1 and the target on Vulkan0, and say what the CPU says', async () => {
    await load(big({ devices: ['Vulkan0'] }), { Vulkan0: wholeTarget });
    await load(little({ devices: ['Vulkan1'] }), { Vulkan1: wholeDraft });

    const said = await client.generate({ ...story, model: 'big', speculation: 1 });

    expect(greedyDifference(said.tokens, onCpu)).toBeUndefined();
    expect(said.started.speculation).toMatchObject({
      active: true,
      targetDevices: ['Vulkan0'],
      draftDevices: ['Vulkan1'],
    });
    expect(said.speculation?.numAcceptedDraftTokens).toBeGreaterThan(0);
  }, 120_000);

  it('share the target 3:1, and say what the CPU says', async () => {
    const placement = { devices: ['Vulkan0', 'Vulkan1'], tensorSplit: [3, 1] };
    const model = await load(big(placement), { Vulkan0: [0, 1, 2, 3, 4], Vulkan1: [5] });

    const said = await client.generate({ ...story, model: 'big' });

    expect(model.placement?.tensorSplit).toEqual([0.75, 0.25]);
    expect(greedyDifference(said.tokens, onCpu)).toBeUndefined();
    expect(said.started.speculation.targetDevices).toEqual(['Vulkan0', 'Vulkan1']);
  }, 120_000);

  it('leave the draft on the CPU when only the target is sent to one', async () => {
    await load(big({ devices: ['Vulkan0'] }), { Vulkan0: wholeTarget });
    const draft = await load(little(undefined), {});

    const said = await client.generate({ ...story, model: 'big', speculation: 1 });

    expect(draft.placement).toMatchObject({ devices: [], gpuLayers: 0 });
    expect(greedyDifference(said.tokens, onCpu)).toBeUndefined();
    expect(said.started.speculation).toMatchObject({
      targetDevices: ['Vulkan0'],
      draftDevices: ['cpu'],
    });
    expect(said.speculation?.numAcceptedDraftTokens).toBeGreaterThan(0);
  }, 120_000);

  it('hold as many layers as were asked for, the last ones, and the CPU the rest', async () => {
    const model = await load(big({ devices: ['Vulkan1'], gpuLayers: 2 }), { Vulkan1: [4, 5] });

    const said = await client.generate({ ...story, model: 'big' });

    expect(usageOn(model, 'cpu').kvCacheBytes).toBeGreaterThan(
      3 * usageOn(model, 'Vulkan1').kvCacheBytes,
    );
    expect(greedyDifference(said.tokens, onCpu)).toBeUndefined();
    expect(said.started.speculation.targetDevices).toEqual(['Vulkan1', 'cpu']);
  }, 120_000);

  it('hand a draft over under a running stream, to each other and to the CPU', async () => {
    await client.models.load({
      ...big({ devices: ['Vulkan0'] }),
      options: { ...small, contextLength: 256, parallelSequences: 1 },
    });
    await load(little({ devices: ['Vulkan1'] }), { Vulkan1: wholeDraft });
    const moves: [LoadOptions['placement'], LayerMap][] = [
      [{ devices: ['Vulkan0'] }, { Vulkan0: wholeDraft }],
      [{ devices: 'none' }, {}],
    ];
    const tokens: Token[] = [];
    let accepted = 0;

    const stream = client.generate({ ...story, maxTokens: 240, model: 'big', speculation: 1 });
    for await (const event of stream) {
      if (event.type !== 'step') continue;
      tokens.push(...event.tokens);
      if (moves.length === 0) accepted += event.stats?.numAcceptedDraftTokens ?? 0;
      if (accepted > 3) break;
      const move = tokens.length < 5 ? undefined : moves.shift();
      if (move === undefined) continue;
      const [placement, layers] = move;
      const moved = await load({ ...little(placement), replace: true }, layers);
      // The stream that runs is the new one's.
      expect((await client.models.get(moved.name)).activeDrafts).toBe(1);
    }

    expect(accepted).toBeGreaterThan(3);
    expect(greedyDifference(tokens, onCpu)).toBeUndefined();
  }, 120_000);
});
