import { describe, expect, it } from '@jest/globals';
import { PlanPolicy } from '@outrider/sdk/proto';
import {
  concede,
  type ModelSettings,
  type PlanNeed,
  type PlanSettings,
} from '../../../server/src/registry/concessions.js';

const TARGET: ModelSettings = { layers: 10, contextLength: 4096, parallelSequences: 4 };
const DRAFT: ModelSettings = { layers: 4, contextLength: 4096, parallelSequences: 4 };

/** A GPU where a layer takes 10 and a KV cell of it 1/1024, and a CPU with all the room there is. */
const gpuOf =
  (free: number) =>
  async ({ target, draft }: PlanSettings): Promise<PlanNeed> => {
    const bytes = [target, draft].reduce((sum, model) => {
      if (model === undefined) return sum;
      const cells = model.contextLength * model.parallelSequences;
      return sum + model.layers * (10 + cells / 1024);
    }, 0);
    const fits = bytes <= free;
    return {
      fits,
      bytes: new Map([
        ['GPU', bytes],
        ['cpu', 0],
      ]),
      short: new Set(fits ? [] : ['GPU']),
    };
  };

async function given(
  free: number,
  policy: PlanPolicy = PlanPolicy.DRAFT_FIRST,
  draft: ModelSettings | undefined = DRAFT,
) {
  const { steps, settings, fits } = await concede({ target: TARGET, draft }, policy, gpuOf(free));
  const kinds = steps.map(
    ({ kind, needed }) => `${kind.replace('CONCESSION_KIND_', '')}${needed ? '' : '?'}`,
  );
  return { kinds, settings, fits, freed: steps.map(({ freedBytes }) => freedBytes) };
}

describe('what is given up for memory', () => {
  it('is nothing where everything fits', async () => {
    expect(await given(364)).toMatchObject({ kinds: [], fits: true });
  });

  it('is as few draft layers as will do, and the draft on the CPU is named as next', async () => {
    expect(await given(340)).toEqual({
      kinds: ['DRAFT_LAYERS', 'DRAFT_TO_CPU?'],
      settings: { target: TARGET, draft: { ...DRAFT, layers: 3 } },
      fits: true,
      freed: [26, 78],
    });
  });

  it('is the whole draft on the CPU where single layers do not suffice', async () => {
    expect(await given(260)).toMatchObject({
      kinds: ['DRAFT_TO_CPU', 'PARALLEL_SEQUENCES?'],
      settings: { draft: { layers: 0 } },
    });
  });

  it('goes on from sequences over layers to the context', async () => {
    expect(await given(220)).toMatchObject({
      kinds: ['DRAFT_TO_CPU', 'PARALLEL_SEQUENCES', 'TARGET_LAYERS?'],
      settings: { target: { parallelSequences: 3, layers: 10 } },
    });
    expect(await given(100)).toMatchObject({
      kinds: ['DRAFT_TO_CPU', 'PARALLEL_SEQUENCES', 'TARGET_LAYERS', 'CONTEXT_LENGTH?'],
      settings: { target: { parallelSequences: 1, layers: 7, contextLength: 4096 } },
    });
  });

  it('begins with the context where the draft is to be kept', async () => {
    expect(await given(250, PlanPolicy.CONTEXT_FIRST)).toMatchObject({
      kinds: ['CONTEXT_LENGTH', 'PARALLEL_SEQUENCES?'],
      settings: { target: { contextLength: 1792 }, draft: { layers: 4, contextLength: 1792 } },
    });
  });

  it('drops no draft that takes nothing there', async () => {
    const draft = { ...DRAFT, layers: 0 };

    expect((await given(220, PlanPolicy.DRAFT_FIRST, draft)).kinds).toEqual([
      'PARALLEL_SEQUENCES',
      'TARGET_LAYERS?',
    ]);
  });

  it('is everything there is where nothing suffices', async () => {
    const { kinds, fits } = await given(-1);

    expect(fits).toBe(false);
    expect(kinds).toEqual(['DRAFT_TO_CPU', 'PARALLEL_SEQUENCES', 'TARGET_LAYERS']);
  });
});
