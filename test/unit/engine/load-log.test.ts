import { describe, expect, it } from '@jest/globals';
import { readBack } from '../../../server/src/engine/effective-placement.js';
import { type Device } from '../../../server/src/engine/llama/devices.js';
import { LoadLog } from '../../../server/src/engine/llama/log.js';
import { type ResolvedPlacement } from '../../../server/src/engine/protocol.js';

const mib = 1024 * 1024;

describe('the log of a load', () => {
  it('tells bytes by buffer type and class, and the device of each layer', () => {
    const log = logOf([
      'load_tensors: layer   0 assigned to device CPU, is_swa = 0',
      'load_tensors: layer   1 assigned to device Vulkan0, is_swa = 0',
      'load_tensors:   CPU_Mapped model buffer size =     7.16 MiB',
      'load_tensors:      Vulkan0 model buffer size =     3.50 MiB',
      'llama_kv_cache:    Vulkan0 KV buffer size =     2.00 MiB',
      'llama_kv_cache:    Vulkan0 KV buffer size =     1.00 MiB',
      'sched_reserve:    Vulkan0 compute buffer size =     4.00 MiB',
      'sched_reserve:    Vulkan0 compute buffer size =     5.00 MiB',
      'llama_context:        CPU  output buffer size =     0.75 MiB',
    ]);

    expect([...log.layers]).toEqual([
      [0, 'CPU'],
      [1, 'Vulkan0'],
    ]);
    expect(log.buffers).toEqual([
      { type: 'CPU_Mapped', holds: 'weights', bytes: Math.round(7.16 * mib) },
      { type: 'Vulkan0', holds: 'weights', bytes: 3.5 * mib },
      { type: 'Vulkan0', holds: 'kv', bytes: 3 * mib },
      { type: 'Vulkan0', holds: 'compute', bytes: 5 * mib },
      { type: 'CPU', holds: 'compute', bytes: 0.75 * mib },
    ]);
  });

  it('tells where caches would be even where no memory is taken', () => {
    const log = logOf([
      'llama_kv_cache: layer   0: dev = CPU',
      'llama_kv_cache: layer   1: dev = Vulkan0',
      'llama_kv_cache: layer   2: dev = Vulkan0',
      'llama_kv_cache:    Vulkan0 KV buffer size =     0.00 MiB',
      'llama_kv_cache: size =    3.00 MiB (   512 cells,   3 layers,  4/1 seqs), K (f16):    1.50 MiB, V (f16):    1.50 MiB',
      'llama_kv_cache: layer   3: dev = Vulkan0',
      'llama_kv_cache: size =    0.50 MiB (   256 cells,   1 layers,  4/1 seqs), K (f16):    0.25 MiB, V (f16):    0.25 MiB',
    ]);

    expect([...log.caches]).toEqual([
      ['CPU', mib],
      ['Vulkan0', 2.5 * mib],
    ]);
  });

  it('complains with its last errors, or with warnings where there is no error', () => {
    const log = new LoadLog();
    log.line('warn', 'odd');
    expect(log.complaint).toBe('odd');
    log.line('error', 'tensor data is not within the file bounds');
    expect(log.complaint).toBe('tensor data is not within the file bounds');
  });
});

describe('the placement read back', () => {
  const lines = [
    'load_tensors: layer   0 assigned to device CPU, is_swa = 0',
    'load_tensors: layer   1 assigned to device Vulkan1, is_swa = 0',
    'load_tensors: layer   2 assigned to device Vulkan1, is_swa = 0',
    'load_tensors:   CPU_Mapped model buffer size =     1.00 MiB',
    'load_tensors:      Vulkan1 model buffer size =     2.00 MiB',
    'load_tensors: Vulkan_Host model buffer size =     0.50 MiB',
    'llama_kv_cache:    Vulkan1 KV buffer size =     3.00 MiB',
    'sched_reserve:    Vulkan1 compute buffer size =     4.00 MiB',
  ];

  it('adds up to what every device holds, the host last', () => {
    const { placement } = readBack(logOf(lines), placed(['Vulkan1']), 3, devices);

    expect(placement).toMatchObject({
      devices: ['Vulkan1'],
      gpuLayers: 2,
      totalLayers: 3,
      measured: true,
    });
    expect(placement.tensorSplit).toEqual([1]);
    expect(placement.usage).toEqual([
      {
        device: 'Vulkan1',
        layers: 2,
        weightsBytes: 2 * mib,
        kvCacheBytes: 3 * mib,
        computeBytes: 4 * mib,
        totalBytes: 9 * mib,
      },
      {
        device: 'cpu',
        layers: 1,
        weightsBytes: 1.5 * mib,
        kvCacheBytes: 0,
        computeBytes: 0,
        totalBytes: 1.5 * mib,
      },
    ]);
  });

  it('counts what is shared by TENSOR for each of its devices', () => {
    const log = logOf([
      'load_tensors: layer   0 assigned to device CPU, is_swa = 0',
      'load_tensors: layer   1 assigned to device Meta(), is_swa = 0',
      'load_tensors: layer   2 assigned to device Meta(), is_swa = 0',
      'load_tensors:   CPU_Mapped model buffer size =     1.00 MiB',
      'load_tensors:       Meta() model buffer size =     2.00 MiB',
      'llama_kv_cache:     Meta() KV buffer size =     3.00 MiB',
    ]);
    const asked = placed(['Vulkan1', 'Vulkan0']);
    const { placement, warnings } = readBack(log, asked, 3, devices);

    const share = { layers: 2, weightsBytes: 2 * mib, kvCacheBytes: 3 * mib };
    expect(placement.gpuLayers).toBe(2);
    expect(placement.tensorSplit).toEqual([0.5, 0.5]);
    expect(placement.usage).toMatchObject([
      { device: 'Vulkan1', ...share },
      { device: 'Vulkan0', ...share },
      { device: 'cpu', layers: 1, weightsBytes: mib },
    ]);
    expect(warnings).toMatchObject([
      { code: 'DEVICE_MEMORY_UNKNOWN', field: 'placement.split_mode' },
    ]);
  });

  it('fails where a device that was not chosen holds bytes', () => {
    expect(() => readBack(logOf(lines), placed(['Vulkan0']), 3, devices)).toThrow(
      expect.objectContaining({
        reason: 'PLACEMENT_VIOLATED',
        metadata: { device: 'Vulkan1', bytes: String(9 * mib) },
      }),
    );
  });

  it('warns of more layers than there are, and of bytes that belong to no device', () => {
    const log = logOf([...lines, 'load_tensors: Mystery model buffer size =     1.00 MiB']);
    const { warnings } = readBack(log, { ...placed(['Vulkan1']), gpuLayers: 99 }, 3, devices);

    expect(warnings.map(warning => warning.code)).toEqual([
      'DEVICE_MEMORY_UNKNOWN',
      'LAYERS_CLAMPED',
    ]);
  });
});

const devices = ['cpu', 'Vulkan0', 'Vulkan1'].map(
  name =>
    ({
      handle: null,
      info: { name },
      bufferTypes: [name === 'cpu' ? 'CPU' : name],
    }) as unknown as Device,
);

function placed(names: readonly string[]): ResolvedPlacement {
  return {
    devices: names,
    gpuLayers: -1,
    splitMode: 'SPLIT_MODE_LAYER',
    mainDevice: names[0] ?? '',
    tensorSplit: [],
    kvOffload: true,
    tensorOverrides: [],
  };
}

function logOf(lines: readonly string[]): LoadLog {
  const log = new LoadLog();
  for (const line of lines) log.line('info', line);
  return log;
}
