import { describe, expect, it } from '@jest/globals';
import { LoadModelRequest } from '@outrider/sdk/proto';
import { differingFields } from '../../../server/src/registry/same-request.js';

type Wish = Parameters<typeof LoadModelRequest.fromPartial>[0];

describe('two requests for one id', () => {
  it.each<[string, Wish, Wish]>([
    [
      'a default and its absence',
      {},
      { role: 'ROLE_TARGET', options: { mmap: true, batchSize: 2048 } },
    ],
    ['an unspecified member and its default', { options: { kvTypeK: 'KV_CACHE_TYPE_F16' } }, {}],
    ['no devices of a target and all of them', {}, { placement: { devices: ['auto'] } }],
    [
      'no devices of a draft and none',
      { draftFor: 'big' },
      { draftFor: 'models/big', placement: { devices: ['none'] } },
    ],
    [
      'two names of the CPU',
      { placement: { devices: ['cpu'] } },
      { placement: { devices: ['NONE'] } },
    ],
    [
      'the case of a device',
      { placement: { devices: ['cuda0'] } },
      { placement: { devices: ['CUDA0'] } },
    ],
    ['how the caller waits', { detached: true }, {}],
  ])('are the same but for %s', (_what, one, other) => {
    expect(differingFields(request(one), request(other))).toEqual([]);
  });

  it.each<[string, Wish, Wish]>([
    ['options.mmap', {}, { options: { mmap: false } }],
    ['options.threads', {}, { options: { threads: 2 } }],
    ['placement.devices[0]', {}, { placement: { devices: ['none'] } }],
    [
      'placement.devices[0]',
      { draftFor: 'big' },
      { draftFor: 'big', placement: { devices: ['CUDA0'] } },
    ],
    [
      'placement.gpu_layers.count',
      {},
      { placement: { gpuLayers: { layers: { $case: 'count', value: 3 } } } },
    ],
  ])('differ in %s', (path, one, other) => {
    expect(differingFields(request(one), request(other))).toEqual([path]);
  });
});

function request(wish: Wish): LoadModelRequest {
  return LoadModelRequest.fromPartial({ modelId: 'm', ...wish });
}
