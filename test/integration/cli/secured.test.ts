import { copyFileSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { Authority, type CertificatePair, noCertificates } from '../../support/certificates.js';
import { describeUnless } from '../../support/describe-unless.js';
import { type Service, startService } from '../../support/serve.js';
import { outrider } from './command.js';

const [describeWithOpenssl, note] = describeUnless(noCertificates);

describeWithOpenssl(`outrider serve with certificates and keys${note}`, () => {
  let ours: Authority;
  let live: CertificatePair;
  let keyFile: string;
  let service: Service;
  let tls: string[];
  const models = (flags: readonly string[], env: Readonly<Record<string, string>> = {}) =>
    outrider(['models', '--address', service.address, ...flags], { env });

  beforeAll(async () => {
    ours = new Authority();
    live = ours.issue('live');
    const caller = ours.issue('caller');
    tls = ['--tls-ca', ours.ca, '--tls-cert', caller.cert, '--tls-key', caller.key];
    keyFile = join(ours.folder, 'keys');
    writeFileSync(keyFile, '# who may call\nthe-first-key first\n');
    service = await startService([
      ...['--tls-cert', live.cert, '--tls-key', live.key, '--tls-ca', ours.ca],
      ...['--api-key-file', keyFile],
    ]);
  }, 120_000);

  afterAll(async () => {
    await service.stop();
    ours[Symbol.dispose]();
  }, 30_000);

  it('serves a command that has a certificate and a key, from a file or from the environment', async () => {
    const byFile = await models([...tls, '--api-key-file', keyFile]);
    const byVariable = await models(tls, { OUTRIDER_API_KEY: 'the-first-key' });

    expect(byFile).toMatchObject({ exit: 0, out: expect.stringContaining('models/target') });
    expect(byVariable).toMatchObject({ exit: 0, out: byFile.out });
  }, 60_000);

  it('refuses a command without a key, and the command says what to do', async () => {
    const { exit, err } = await models(tls);

    expect(exit).toBe(4);
    expect(err).toMatch(/^outrider: UNAUTHENTICATED UNAUTHENTICATED: a valid key is needed/);
    expect(err).toContain('remedy: give a key of the server with --api-key-file');
  }, 60_000);

  it.each([
    ['no TLS', () => []],
    ['no certificate of its own', () => ['--tls-ca', ours.ca]],
    ['an authority that it does not trust', () => ['--tls']],
  ])(
    'is no server for a command with %s',
    async (_what, flags) => {
      const { exit, err } = await models([...flags(), '--api-key-file', keyFile]);

      expect(exit).toBe(3);
      expect(err).toMatch(/^outrider: UNAVAILABLE NO_SERVER: no Outrider server answers at/);
      expect(err.includes(' over TLS')).toBe(flags().length > 0);
    },
    60_000,
  );

  it('rereads keys and certificates at SIGHUP', async () => {
    const next = ours.issue('next');
    copyFileSync(next.cert, live.cert);
    copyFileSync(next.key, live.key);
    writeFileSync(keyFile, 'the-second-key second\n');
    process.kill(service.pid, 'SIGHUP');
    // What another process has written comes without an event that could be waited for.
    while (!service.log.includes('certificates read again')) await sleep(20);

    expect(await models(tls, { OUTRIDER_API_KEY: 'the-first-key' })).toMatchObject({ exit: 4 });
    expect(await models(tls, { OUTRIDER_API_KEY: 'the-second-key' })).toMatchObject({ exit: 0 });
    expect(service.log).toContain('"caller":"first"');
    expect(service.log).not.toMatch(/the-(first|second)-key/);
  }, 60_000);
});

describe('outrider', () => {
  const folder = mkdtempSync(join(tmpdir(), 'outrider-access-'));
  const empty = join(folder, 'empty');
  writeFileSync(empty, '# nobody\n');
  afterAll(() => rmSync(folder, { recursive: true }));

  it.each([
    [['serve', '--host', '0.0.0.0'], /--host: .*without TLS and keys or client certificates/],
    [['serve', '--port', '0', '--api-key-file', empty], /--api-key-file: there is no key/],
    [
      ['serve', '--tls-cert', empty, '--tls-key', empty],
      /--tls-cert: ".*" holds no CERTIFICATE in PEM/,
    ],
    [['run', '--tls'], /--tls needs --address/],
    [['plan', '--api-key-file', empty], /--api-key-file needs --address/],
    [['models', '--api-key-file', empty], /--api-key-file: there is no key/],
    [['models', '--tls-cert', empty], /--tls-cert and --tls-key go together/],
    [['models', '--tls-ca', join(folder, 'none')], /--tls-ca: ".*" cannot be read: ENOENT/],
  ])(
    '%j is wrong usage',
    async (args, complaint) => {
      const { exit, err } = await outrider(args);

      expect(exit).toBe(2);
      expect(err).toMatch(complaint);
    },
    60_000,
  );
});
