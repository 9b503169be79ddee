import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { Status } from 'nice-grpc-common';
import { LoadModelRequest } from '@outrider/sdk/proto';
import { frame, RawGrpc } from '../../../bench/src/wire/raw-grpc.js';
import { Served } from './served.js';

describe('a request that no client library would send', () => {
  let served: Served;
  let connection: RawGrpc;

  beforeAll(async () => {
    served = await Served.ready();
    connection = await RawGrpc.connect(served.server.address);
  });

  afterAll(async () => {
    connection[Symbol.dispose]();
    await served[Symbol.asyncDispose]();
  });

  it.each([
    ['/outrider.v1.GenerateService/Generate', '0a05616263'],
    ['/outrider.v1.GenerateService/Tokenize', 'ffffffffffffffffffffff'],
    ['/outrider.v1.LoadModelService/LoadModel', '0f'],
    ['/grpc.health.v1.Health/Check', '0aff'],
    ['/grpc.reflection.v1.ServerReflection/ServerReflectionInfo', '3aff'],
  ])('is refused as invalid, with details and a line in the log: %s %s', async (path, hex) => {
    const before = served.log.length;

    const outcome = await connection.call(path, frame(Buffer.from(hex, 'hex')));

    expect(outcome).toMatchObject({ status: Status.INVALID_ARGUMENT, detailed: true });
    expect(outcome.message).toMatch(/^the request is no message of its type: /);
    expect(served.log.length + (path.includes('health') ? 1 : 0)).toBe(before + 1);
  });

  it.each(['3a9db289f74c', '2a070a9db289f74c00'])(
    'does not stop the server for good when it asks reflection with a length that is none: %s',
    async hex => {
      const path = '/grpc.reflection.v1.ServerReflection/ServerReflectionInfo';

      const outcome = await connection.call(path, frame(Buffer.from(hex, 'hex')));

      expect(outcome).toMatchObject({ status: Status.INVALID_ARGUMENT, silent: false });
    },
  );

  it('does not take the memory of the server with the experts of four billion layers', async () => {
    const request = LoadModelRequest.fromPartial({
      modelId: 'huge',
      source: { source: { $case: 'uri', value: 'embedded:target' } },
      placement: { moeOnCpu: { $case: 'nCpuMoe', value: 2 ** 32 - 1 } },
    });
    const body = frame(LoadModelRequest.encode(request).finish());

    const outcome = await connection.call('/outrider.v1.LoadModelService/LoadModel', body);

    expect(outcome).toMatchObject({ status: Status.INVALID_ARGUMENT, detailed: true });
    expect(outcome.message).toContain('n_cpu_moe');
  });
});
