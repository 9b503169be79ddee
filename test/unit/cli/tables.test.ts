import { describe, expect, it } from '@jest/globals';
import {
  DeviceInventory,
  DeviceType,
  Model,
  ModelState,
  Role,
  SpeculationOffReason,
  UnloadModelResponse,
} from '@outrider/sdk/proto';
import { devicesTable } from '../../../server/src/cli/devices.js';
import { modelsTable } from '../../../server/src/cli/models.js';
import { humanBytes, renderTable } from '../../../server/src/cli/table.js';
import { unloadedText } from '../../../server/src/cli/unload.js';

describe('a table', () => {
  it('lines its columns up and leaves no blanks at the ends of lines', () => {
    const table = renderTable(
      ['A', 'LONG', 'C'],
      [
        ['wide cell', '1', ''],
        ['x', '2', 'end'],
      ],
    );

    expect(table.split('\n')).toEqual([
      'A          LONG  C',
      'wide cell  1',
      'x          2     end',
      '',
    ]);
  });
});

describe('bytes for people', () => {
  it.each([
    [0, '0 B'],
    [1023, '1023 B'],
    [1024, '1.0 KiB'],
    [7_600_000, '7.2 MiB'],
    [200 * 1024 ** 2, '200 MiB'],
    [24 * 1024 ** 3, '24.0 GiB'],
  ])('%d are %s', (bytes, text) => {
    expect(humanBytes(bytes)).toBe(text);
  });
});

describe('the table of models', () => {
  it('shows where a model is, what it holds, and who drafts for it', () => {
    const model = Model.fromPartial({
      name: 'models/big',
      state: ModelState.READY,
      role: Role.TARGET,
      placement: { devices: ['CUDA0', 'CUDA1'], gpuLayers: 32, totalLayers: 33 },
      options: { contextLength: 4096, parallelSequences: 4 },
      info: { fileBytes: 4 * 1024 ** 3 },
      activeGenerations: 2,
      queuedGenerations: 1,
      defaultDraft: { draftModel: 'models/small', available: true },
    });

    expect(cells(modelsTable([model]))).toEqual([
      ['NAME', 'STATE', 'ROLE', 'DEVICES', 'LAYERS', 'CONTEXT', 'SIZE', 'STREAMS', 'DRAFT'],
      [
        'models/big',
        'ready',
        'target',
        'CUDA0,CUDA1',
        '32/33',
        '4096 x 4',
        '4.0 GiB',
        '2 + 1 queued',
        'models/small',
      ],
    ]);
  });

  it('says why a model failed and why a draft cannot be used', () => {
    const failed = Model.fromPartial({
      name: 'models/a',
      state: ModelState.FAILED,
      role: Role.DRAFT,
      stateError: { reason: 'BAD_MODEL_FILE' },
    });
    const undrafted = Model.fromPartial({
      name: 'models/b',
      defaultDraft: {
        draftModel: 'models/a',
        available: false,
        offReason: SpeculationOffReason.DRAFT_FAILED,
      },
    });

    const [, first, second] = cells(modelsTable([failed, undrafted]));

    expect(first?.slice(0, 7)).toEqual([
      'models/a',
      'failed (BAD_MODEL_FILE)',
      'draft',
      '-',
      '-',
      '-',
      '-',
    ]);
    expect(second?.at(-1)).toBe('models/a (draft failed)');
  });

  it('calls a model without devices cpu, and counts the streams that a draft serves', () => {
    const model = Model.fromPartial({
      name: 'models/small',
      state: ModelState.READY,
      placement: { totalLayers: 3 },
      activeDrafts: 2,
    });

    const row = cells(modelsTable([model]))[1];

    expect([row?.[3], row?.[4], row?.at(-1)]).toEqual(['cpu', '0/3', 'drafts for 2']);
  });
});

describe('the table of devices', () => {
  it('shows memory and holders, and names backends that cannot be used', () => {
    const inventory = DeviceInventory.fromPartial({
      devices: [
        {
          name: 'cpu',
          backend: 'CPU',
          type: DeviceType.CPU,
          description: 'Some CPU',
          totalBytes: 16 * 1024 ** 3,
          freeBytes: 8 * 1024 ** 3,
          memoryKnown: true,
          models: [{ model: 'models/small', usage: { totalBytes: 1024 ** 2 } }],
        },
        { name: 'Vulkan0', backend: 'Vulkan', type: DeviceType.INTEGRATED_GPU, memoryKnown: false },
      ],
      backends: [
        { name: 'CPU', usable: true },
        { name: 'CUDA', usable: false, reason: 'no driver' },
      ],
    });

    expect(cells(devicesTable(inventory))).toEqual([
      ['NAME', 'BACKEND', 'TYPE', 'TOTAL', 'FREE', 'DESCRIPTION', 'MODELS'],
      ['cpu', 'CPU', 'cpu', '16.0 GiB', '8.0 GiB', 'Some CPU', 'models/small 1.0 MiB'],
      ['Vulkan0', 'Vulkan', 'integrated gpu', 'unknown', 'unknown', '-'],
      ['CUDA is not usable: no driver'],
    ]);
  });
});

describe('the table of devices of a server with several engines', () => {
  it('ends with the engines, and what became of each', () => {
    const alone = { name: 'default', running: true, llamaVersion: '0.5.0-dev' };
    const other = { name: 'other', running: false, restarts: 2, lastExit: 'SIGABRT' };

    const several = devicesTable(DeviceInventory.fromPartial({ engines: [alone, other] }));
    const single = devicesTable(DeviceInventory.fromPartial({ engines: [alone] }));

    expect(cells(several).slice(2)).toEqual([
      ['ENGINE', 'STATE', 'RESTARTS', 'LAST EXIT', 'LLAMA.CPP'],
      ['default', 'running', '0', '-', '0.5.0-dev'],
      ['other', 'restarting', '2', 'SIGABRT', '-'],
    ]);
    expect(single).not.toContain('ENGINE');
  });
});

describe('what an unload says', () => {
  it('is what came back and whom it cost', () => {
    const reply = UnloadModelResponse.fromPartial({
      freed: [{ device: 'cpu', totalBytes: 2048 }],
      abortedGenerations: 2,
      detachedGenerations: 1,
    });

    expect(unloadedText('models/x', reply)).toBe(
      'unloaded models/x; freed cpu 2.0 KiB; ended 2 streams; 1 streams go on without it\n',
    );
    expect(unloadedText('models/x', UnloadModelResponse.fromPartial({}))).toBe(
      'unloaded models/x\n',
    );
  });
});

function cells(table: string): string[][] {
  return table
    .trimEnd()
    .split('\n')
    .map(line => line.split(/ {2,}/));
}
