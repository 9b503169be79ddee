import { describe, expect, it } from '@jest/globals';
import { type PlanModelRequest, PlanModelResponse } from '@outrider/sdk/proto';
import { jsonLines, outrider } from './against.js';

const gib = 2 ** 30;

const usage = (device: string, bytes: number) => ({
  device,
  layers: 7,
  weightsBytes: bytes,
  totalBytes: bytes,
});

const TIGHT = PlanModelResponse.fromPartial({
  fits: false,
  target: {
    placement: { devices: ['CUDA0'], gpuLayers: 7, totalLayers: 7, usage: [usage('CUDA0', gib)] },
    options: { contextLength: 4096, parallelSequences: 4 },
  },
  devices: [
    { device: 'cpu', totalBytes: 8 * gib, freeBytes: 4 * gib, fits: true },
    { device: 'CUDA0', totalBytes: gib, freeBytes: gib, target: usage('CUDA0', gib), fits: false },
  ],
  concessions: [
    {
      kind: 'CONCESSION_KIND_DRAFT_TO_CPU',
      description: 'draft to CPU: frees 1.2 GiB',
      needed: true,
    },
    { kind: 'CONCESSION_KIND_PARALLEL_SEQUENCES', description: 'sequences from 4 to 3' },
  ],
  outlook: 'It fits with the draft on the CPU.',
});

function planned(plan: PlanModelResponse, argv: readonly string[] = []) {
  const requests: PlanModelRequest[] = [];
  const planModel = async (request: PlanModelRequest) => {
    requests.push(request);
    return plan;
  };
  return { requests, done: outrider({ planModel }, ['plan', '-m', 'big.gguf', ...argv]) };
}

describe('outrider plan', () => {
  it('shows models, devices and what would be given up, and exits with 5 when it does not fit', async () => {
    const { exit, out, err } = await planned(TIGHT).done;

    expect(exit).toBe(5);
    expect(out).toBe(
      [
        'MODEL   DEVICES  LAYERS  CONTEXT   WEIGHTS  KV CACHE  COMPUTE',
        'target  CUDA0    7/7     4096 x 4  1.0 GiB  0 B       0 B',
        '',
        'DEVICE  TOTAL    FREE     MARGIN  TARGET   DRAFT  FITS',
        'cpu     8.0 GiB  4.0 GiB  0 B     -        -      yes',
        'CUDA0   1.0 GiB  1.0 GiB  0 B     1.0 GiB  -      no',
        '',
        'GIVE UP                      NEEDED',
        'draft to CPU: frees 1.2 GiB  yes',
        'sequences from 4 to 3        no, the next',
        '',
        'It fits with the draft on the CPU.',
        '',
      ].join('\n'),
    );
    expect(err).toContain('does not fit');
  });

  it('is done when it fits, and prints the message with --json', async () => {
    const { exit, out } = await planned({ ...TIGHT, fits: true }, ['--json']).done;

    expect(exit).toBe(0);
    expect(jsonLines(out)).toEqual([PlanModelResponse.toJSON({ ...TIGHT, fits: true })]);
  });

  it('asks for both models with the policy', async () => {
    const flags = ['-md', 'small.gguf', '-devd', 'CUDA1', '--policy', 'context-first'];
    const { requests, done } = planned({ ...TIGHT, fits: true }, flags);
    await done;

    expect(requests).toMatchObject([
      {
        target: { modelId: 'big' },
        draft: { modelId: 'small', placement: { devices: ['CUDA1'] }, draftFor: 'models/big' },
        policy: 'PLAN_POLICY_CONTEXT_FIRST',
      },
    ]);
  });
});
