import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { Authority, noCertificates } from '../support/certificates.js';
import { describeUnless } from '../support/describe-unless.js';
import { callFromPython, noPythonClient } from '../support/python-client.js';
import { type Service, startService } from '../support/serve.js';

const [describeWithBoth, note] = describeUnless(noCertificates ?? noPythonClient());

const GENERATE = 'outrider.v1.GenerateService/Generate';
const REQUEST = { model: 'target', text: 'Once upon a midnight', max_tokens: 4 };

describeWithBoth(`a Python client over TLS${note}`, () => {
  let ours: Authority;
  let service: Service;
  let tls: { ca: string; cert: string; key: string };

  beforeAll(async () => {
    ours = new Authority();
    const server = ours.issue('server');
    tls = { ca: ours.ca, ...ours.issue('caller') };
    const keyFile = join(ours.folder, 'keys');
    writeFileSync(keyFile, 'pythons-key python\n');
    service = await startService([
      ...['--tls-cert', server.cert, '--tls-key', server.key, '--tls-ca', ours.ca],
      ...['--api-key-file', keyFile],
    ]);
  }, 120_000);

  afterAll(async () => {
    await service.stop();
    ours[Symbol.dispose]();
  }, 30_000);

  it('generates with its certificate and its key', async () => {
    const { responses, status } = await callFromPython(service.address, GENERATE, REQUEST, {
      tls,
      apiKey: 'pythons-key',
    });

    expect(status).toMatchObject({ code: 'OK' });
    expect(responses.at(-1)).toMatchObject({ completion: { usage: { completion_tokens: 4 } } });
    expect(service.log).toContain('"caller":"python"');
  }, 60_000);

  it('is told in the same words that it has no key, and that it has a wrong one', async () => {
    const refusals = [
      await callFromPython(service.address, GENERATE, REQUEST, { tls }),
      await callFromPython(service.address, GENERATE, REQUEST, { tls, apiKey: 'guessed' }),
    ];

    for (const { status } of refusals) {
      expect(status).toMatchObject({ code: 'UNAUTHENTICATED' });
      expect(status.details).toContainEqual(
        expect.objectContaining({ type: 'google.rpc.ErrorInfo', reason: 'UNAUTHENTICATED' }),
      );
      expect(status.trailers['grpc-retry-pushback-ms']).toBe('-1');
    }
    expect(refusals[0]?.status.message).toBe(refusals[1]?.status.message);
  }, 60_000);

  it('does not get through without a certificate, or to a server of another authority', async () => {
    using others = new Authority();
    for (const wrong of [{ ca: ours.ca }, { ...tls, ca: others.ca }]) {
      const { status } = await callFromPython(service.address, GENERATE, REQUEST, {
        tls: wrong,
        apiKey: 'pythons-key',
        timeoutS: 10,
      });
      expect(status).toMatchObject({ code: 'UNAVAILABLE' });
    }
  }, 60_000);

  it('leaves neither its prompt nor its key in the log', () => {
    expect(service.log).toContain('"code":"OK"');
    expect(service.log).not.toMatch(/midnight|pythons-key|guessed/);
  });
});
