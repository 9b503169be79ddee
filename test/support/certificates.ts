import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const probe = spawnSync('openssl', ['version'], { encoding: 'utf8' });
const version = probe.error?.message ?? probe.stdout.trim();

/** Why no certificates can be made here; `undefined` where they can. */
export const noCertificates = /^OpenSSL ([3-9]|\d\d)/.test(version)
  ? undefined
  : `needs the openssl command, 3 or later; ${version}`;

/** Paths of a certificate and its private key, PEM. */
export interface CertificatePair {
  readonly cert: string;
  readonly key: string;
}

/** A folder of throw-away certificates, removed when disposed. */
export class Authority implements Disposable {
  readonly folder = mkdtempSync(join(tmpdir(), 'outrider-certificates-'));
  /** The authority's own certificate. */
  readonly ca: string;
  readonly #root: CertificatePair;

  constructor() {
    this.#root = this.#make('root', 'a test authority', []);
    this.ca = this.#root.cert;
  }

  /** Signs a certificate for `localhost` and 127.0.0.1, good for a server and for a client. */
  issue(name: string): CertificatePair {
    const { cert, key } = this.#root;
    const names = 'subjectAltName=DNS:localhost,IP:127.0.0.1';
    return this.#make(name, name, ['-CA', cert, '-CAkey', key, '-addext', names]);
  }

  [Symbol.dispose](): void {
    rmSync(this.folder, { recursive: true, force: true });
  }

  #make(name: string, subject: string, more: readonly string[]): CertificatePair {
    const cert = join(this.folder, `${name}.pem`);
    const key = join(this.folder, `${name}.key`);
    const kind = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-noenc', '-days', '2'];
    const files = ['-keyout', key, '-out', cert, '-subj', `/CN=${subject}`];
    const made = spawnSync('openssl', ['req', '-x509', ...kind, ...files, ...more], {
      encoding: 'utf8',
    });
    if (made.status !== 0) throw new Error(`openssl made no certificate:\n${made.stderr}`);
    return { cert, key };
  }
}
