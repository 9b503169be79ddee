import { execFile, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { GetModelRequest, TokenizeRequest } from '@outrider/sdk/proto';
import { frame } from '../../bench/src/wire/raw-grpc.js';
import { describeUnless } from '../support/describe-unless.js';
import { scrape } from '../support/scrape.js';
import { type Service, startService } from '../support/serve.js';

const [describeWithH2load, note] = describeUnless(noH2load());
const CALLS = 3_000;

describeWithH2load(`h2load, an HTTP/2 client in C${note}`, () => {
  let service: Service;
  let directory: string;

  beforeAll(async () => {
    directory = mkdtempSync(join(tmpdir(), 'outrider-h2load-'));
    service = await startService(['--admin', '127.0.0.1:0']);
  }, 90_000);

  afterAll(async () => {
    await service.stop();
    rmSync(directory, { recursive: true, force: true });
  }, 30_000);

  it.each([
    [
      'outrider.v1.LoadModelService/GetModel',
      GetModelRequest.encode(GetModelRequest.fromPartial({ name: 'models/target' })).finish(),
    ],
    [
      'outrider.v1.GenerateService/Tokenize',
      TokenizeRequest.encode(
        TokenizeRequest.fromPartial({
          model: 'models/target',
          input: { $case: 'text', value: 'Once upon a time' },
        }),
      ).finish(),
    ],
  ])(
    'makes 3,000 calls of %s over 10 connections, 16 at once on each, and none fails',
    async (method, message) => {
      const payload = join(directory, 'request.bin');
      writeFileSync(payload, frame(message));

      const { stdout } = await promisify(execFile)('h2load', [
        ...['--requests', `${CALLS}`, '--clients', '10', '--max-concurrent-streams', '16'],
        ...['--data', payload, '--header', 'content-type: application/grpc'],
        ...['--header', 'te: trailers', `http://${service.address}/${method}`],
      ]);

      expect(stdout).toContain(
        `requests: ${CALLS} total, ${CALLS} started, ${CALLS} done, ${CALLS} succeeded, 0 failed, 0 errored, 0 timeout`,
      );
      // For h2load a call has succeeded when its HTTP status is 200, whatever gRPC says.
      const [grpc_service, grpc_method] = method.split('/');
      const handled = (await scrape(service.admin)).value('grpc_server_handled_total', {
        grpc_service: grpc_service ?? '',
        grpc_method: grpc_method ?? '',
        grpc_code: 'OK',
      });
      expect(handled).toBe(CALLS);
    },
    60_000,
  );
});

function noH2load(): string | undefined {
  const probe = spawnSync('h2load', ['--version'], { encoding: 'utf8' });
  return probe.error === undefined ? undefined : 'needs nghttp2-client';
}
