import { copyFileSync, readFileSync, writeFileSync } from 'node:fs';
import { connect } from 'node:tls';
import { ChannelCredentials } from '@grpc/grpc-js';
import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { serverConfig, type ServerConfig } from '../../../server/src/config/config.js';
import { startServer } from '../../../server/src/rpc/server.js';
import { Authority, type CertificatePair, noCertificates } from '../../support/certificates.js';
import { describeUnless } from '../../support/describe-unless.js';
import { FakeEngine } from '../../support/fake-engine.js';
import { reflectedServices } from './reflected-services.js';
import { Secured } from './secured.js';

const [describeWithOpenssl, note] = describeUnless(noCertificates);

describeWithOpenssl(`a server with a certificate${note}`, () => {
  let ours: Authority;
  let others: Authority;
  let server: CertificatePair;
  let config: Partial<ServerConfig>;
  let caller: { cert: string; key: string };

  beforeAll(() => {
    ours = new Authority();
    others = new Authority();
    server = ours.issue('server');
    caller = contents(ours.issue('caller'));
    config = { tlsCert: server.cert, tlsKey: server.key };
  }, 60_000);

  afterAll(() => {
    ours[Symbol.dispose]();
    others[Symbol.dispose]();
  });

  it('serves a client that trusts it', async () => {
    await using secured = await Secured.ready(config);
    await using client = secured.client({ tls: { ca: read(ours.ca) } });

    const { text } = await client.generate({ model: 'big', prompt: 'Once', maxTokens: 2 });

    expect(text).toBe('w0 w1 ');
  });

  it('is not believed by a client of another authority, and does not answer in plain text', async () => {
    await using secured = await Secured.ready(config);
    await using stranger = secured.client({ tls: { ca: read(others.ca) } });
    await using plain = secured.client();

    await expect(stranger.models.list()).rejects.toThrow(/certificate|self.signed/i);
    await expect(plain.models.list()).rejects.toMatchObject({ code: 'UNAVAILABLE' });
  });

  it('speaks no TLS that is older than 1.2', async () => {
    await using secured = await Secured.ready(config);
    const port = Number(secured.server.address.split(':')[1]);
    const ca = read(ours.ca);
    const handshake = (options: object) =>
      new Promise<string | null>((resolve, reject) => {
        const socket = connect({ host: 'localhost', port, ca, ALPNProtocols: ['h2'], ...options });
        socket.once('secureConnect', () => {
          resolve(socket.getProtocol());
          socket.destroy();
        });
        socket.once('error', reject);
      });

    expect(await handshake({})).toBe('TLSv1.3');
    expect(await handshake({ maxVersion: 'TLSv1.2' })).toBe('TLSv1.2');
    const old = { minVersion: 'TLSv1', maxVersion: 'TLSv1.1', ciphers: 'DEFAULT@SECLEVEL=0' };
    await expect(handshake(old)).rejects.toThrow(/version|protocol/i);
  });

  it('that wants client certificates serves only who shows one of its authority', async () => {
    await using secured = await Secured.ready({ ...config, tlsCa: ours.ca });
    const ca = read(ours.ca);
    await using known = secured.client({ tls: { ca, ...caller } });
    await using nobody = secured.client({ tls: { ca } });
    await using foreign = secured.client({ tls: { ca, ...contents(others.issue('caller')) } });

    expect(await known.models.list()).toHaveLength(1);
    await expect(nobody.models.list()).rejects.toMatchObject({ code: 'UNAVAILABLE' });
    await expect(foreign.models.list()).rejects.toMatchObject({ code: 'UNAVAILABLE' });
  });

  it('takes a new certificate while a stream runs on under the old one', async () => {
    const files = copyOf(server, ours);
    let release: () => void = () => undefined;
    const held = new Promise<void>(resolve => (release = resolve));
    const engine = new FakeEngine({ onStep: (_spec, index) => (index < 2 ? undefined : held) });
    await using secured = await Secured.ready(
      { tlsCert: files.cert, tlsKey: files.key, tlsCa: files.ca },
      engine,
    );
    await using before = secured.client({ tls: { ca: read(ours.ca), ...caller } });
    const running = before.generate({ model: 'big', prompt: 'Once', maxTokens: 4 });
    await running.started();

    const next = others.issue('server');
    copyFileSync(next.cert, files.cert);
    copyFileSync(next.key, files.key);
    copyFileSync(others.ca, files.ca);
    await secured.until('certificates read again', () => secured.server.reload());
    await using late = secured.client({ tls: { ca: read(ours.ca), ...caller } });
    const theirs = contents(others.issue('caller'));
    await using after = secured.client({ tls: { ca: read(others.ca), ...theirs } });

    expect(await after.models.list()).toHaveLength(1);
    await expect(late.models.list()).rejects.toMatchObject({ code: 'UNAVAILABLE' });
    expect(await before.models.list()).toHaveLength(1);
    release();
    expect((await running.result()).text).toBe('w0 w1 w2 w3 ');
  });

  it('keeps its certificate when the new one does not fit its key, and says so', async () => {
    const files = copyOf(server, ours);
    await using secured = await Secured.ready({ tlsCert: files.cert, tlsKey: files.key });

    copyFileSync(others.issue('server').cert, files.cert);
    await secured.until('certificates could not be read again', () => secured.server.reload());
    await using client = secured.client({ tls: { ca: read(ours.ca) } });

    expect(await client.models.list()).toHaveLength(1);
  });

  it.each([
    ['auto', 'UNIMPLEMENTED'],
    ['on', 'outrider.v1.GenerateService'],
    ['off', 'UNIMPLEMENTED'],
  ] as const)(
    'answers with reflection %s to questions for its contract: %s',
    async (reflection, answer) => {
      await using secured = await Secured.ready({ ...config, reflection });
      const credentials = ChannelCredentials.createSsl(readFileSync(ours.ca));

      const said = await reflectedServices(secured.server.address, { credentials }).then(
        services => services.join(' '),
        String,
      );

      expect(said).toContain(answer);
    },
  );

  it.each([
    ['tlsCert', { tlsCert: '/nowhere/cert.pem' }],
    ['tlsKey', { tlsKey: '/nowhere/key.pem' }],
    ['tlsCa', { tlsCa: '/nowhere/ca.pem' }],
  ])('does not start when %s cannot be read', async (field, wrong) => {
    const whole = serverConfig({ port: 0, admin: 'off', logLevel: 'silent', ...config, ...wrong });

    await expect(startServer(whole, { engine: new FakeEngine() })).rejects.toMatchObject({
      reason: 'INVALID_FIELD',
      violations: [{ field, description: expect.stringContaining('ENOENT') }],
    });
  });

  it('does not start with the key of another certificate, or with what is no PEM', async () => {
    const foreign = { ...config, tlsKey: others.issue('server').key };
    const swapped = { tlsCert: server.key, tlsKey: server.key };
    for (const [wrong, field] of [
      [foreign, 'tlsKey'],
      [swapped, 'tlsCert'],
    ] as const) {
      const whole = serverConfig({ port: 0, admin: 'off', logLevel: 'silent', ...wrong });
      await expect(startServer(whole, { engine: new FakeEngine() })).rejects.toMatchObject({
        violations: [{ field }],
      });
    }
  });
});

function read(path: string): string {
  return readFileSync(path, 'utf8');
}

function contents({ cert, key }: CertificatePair): { cert: string; key: string } {
  return { cert: read(cert), key: read(key) };
}

/** Files of their own, which a test may overwrite. */
function copyOf({ cert, key }: CertificatePair, { ca }: Authority) {
  const copies = { cert: `${cert}.live`, key: `${key}.live`, ca: `${ca}.live` };
  writeFileSync(copies.cert, read(cert));
  writeFileSync(copies.key, read(key));
  writeFileSync(copies.ca, read(ca));
  return copies;
}
