import { X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { createSecureContext } from 'node:tls';
import { experimental, type ServerCredentials } from '@grpc/grpc-js';
import { whyOf } from '../../caught-error.js';
import { invalidField } from '../../coded-error.js';

/** Files of a server's identity, PEM. */
export interface CertificateFiles {
  /** Certificate, with its chain behind it. */
  readonly cert: string;
  /** Private key of the certificate, not encrypted. */
  readonly key: string;
  /** Authorities of client certificates; given, every client needs one. @default undefined: none is asked for */
  readonly ca: string | undefined;
}

/** What the server shows, and whom it trusts. */
interface Identity {
  readonly cert: Buffer;
  readonly key: Buffer;
  readonly ca: Buffer | undefined;
}

type IdentityListener = Parameters<
  experimental.CertificateProvider['addIdentityCertificateListener']
>[0];
type CaListener = Parameters<experimental.CertificateProvider['addCaCertificateListener']>[0];

/**
 * Certificates of a listening server, which can be replaced while it listens: connections that stand go on under the
 * old ones, later ones see the new.
 */
export class Certificates implements experimental.CertificateProvider {
  readonly #files: CertificateFiles;
  readonly #identityListeners = new Set<IdentityListener>();
  readonly #caListeners = new Set<CaListener>();
  #identity: Identity;

  /** @throws CodedError INVALID_FIELD for files that cannot be read, are not PEM, or do not belong together */
  constructor(files: CertificateFiles) {
    this.#files = files;
    this.#identity = readIdentity(files);
  }

  /** For `listen`. */
  credentials(): ServerCredentials {
    const ca = this.#files.ca === undefined ? null : this;
    // grpc-js 1.14 declares the first two parameters under each other's names; the identity comes first.
    return experimental.createCertificateProviderServerCredentials(this, ca, ca !== null);
  }

  /** When the certificate in use ends, as it says itself. */
  get validTo(): string {
    return new X509Certificate(this.#identity.cert).validTo;
  }

  /** Reads the files again. Those in use stay when the new ones are wrong. @throws CodedError INVALID_FIELD as the constructor */
  reload(): void {
    this.#identity = readIdentity(this.#files);
    for (const listener of this.#caListeners) this.#tellCa(listener);
    for (const listener of this.#identityListeners) this.#tellIdentity(listener);
  }

  addIdentityCertificateListener(listener: IdentityListener): void {
    this.#identityListeners.add(listener);
    // At once would be too early: grpc-js enters whom it passes this on to only after it has returned.
    queueMicrotask(() => this.#tellIdentity(listener));
  }

  removeIdentityCertificateListener(listener: IdentityListener): void {
    this.#identityListeners.delete(listener);
  }

  addCaCertificateListener(listener: CaListener): void {
    this.#caListeners.add(listener);
    queueMicrotask(() => this.#tellCa(listener));
  }

  removeCaCertificateListener(listener: CaListener): void {
    this.#caListeners.delete(listener);
  }

  #tellIdentity(listener: IdentityListener): void {
    listener({ certificate: this.#identity.cert, privateKey: this.#identity.key });
  }

  #tellCa(listener: CaListener): void {
    const { ca } = this.#identity;
    listener(ca === undefined ? null : { caCertificate: ca });
  }
}

function readIdentity({ cert, key, ca }: CertificateFiles): Identity {
  const identity = {
    cert: readPem('tlsCert', cert, 'CERTIFICATE'),
    key: readPem('tlsKey', key, 'PRIVATE KEY'),
    ca: ca === undefined ? undefined : readPem('tlsCa', ca, 'CERTIFICATE'),
  };
  attempt('tlsCert', cert, () => new X509Certificate(identity.cert));
  if (ca !== undefined) attempt('tlsCa', ca, () => new X509Certificate(identity.ca ?? ''));
  // OpenSSL looks here whether the key is the certificate's.
  attempt('tlsKey', key, () => createSecureContext(identity));
  return identity;
}

function readPem(field: string, path: string, label: string): Buffer {
  const pem = attempt(field, path, () => readFileSync(path));
  if (!pem.includes('-----BEGIN ') || !pem.includes(`${label}-----`)) {
    throw invalidField(field, `"${path}" holds no ${label} in PEM`);
  }
  return pem;
}

function attempt<T>(field: string, path: string, use: () => T): T {
  try {
    return use();
  } catch (error) {
    throw invalidField(field, `"${path}" cannot be used: ${whyOf(error)}`);
  }
}
