import { unwatchFile, watchFile } from 'node:fs';
import { type ServerCredentials } from '@grpc/grpc-js';
import { type Logger } from 'pino';
import { whyOf } from '../../caught-error.js';
import { CodedError } from '../../coded-error.js';
import { type ServerConfig } from '../../config/config.js';
import { ApiKeyRing, readApiKeys } from './api-keys.js';
import { Certificates } from './certificates.js';

/** How often the key file is looked at. Polled, because a watch on a file does not see its link being turned. */
const LOOK_MS = 1_000;

/** Who may reach a server: its certificates and its keys, as files hold them now. */
export class Access implements Disposable {
  readonly #log: Logger;
  readonly #keyFile: string | undefined;
  readonly #certificates: Certificates | undefined;
  readonly #onChange = () => this.#reloadKeys('change');
  #keys: ApiKeyRing | undefined;

  /** Reads every file, and watches that of the keys until disposed. @throws CodedError INVALID_FIELD with the setting */
  constructor(config: ServerConfig, log: Logger) {
    const { tlsCert, tlsKey, tlsCa, apiKeyFile } = config;
    this.#log = log;
    this.#keyFile = apiKeyFile;
    if (tlsCert !== undefined && tlsKey !== undefined) {
      this.#certificates = new Certificates({ cert: tlsCert, key: tlsKey, ca: tlsCa });
    }
    if (apiKeyFile === undefined) return;
    this.#keys = new ApiKeyRing(readApiKeys(apiKeyFile));
    watchFile(apiKeyFile, { interval: LOOK_MS, persistent: false }, this.#onChange);
  }

  /** For `listen`; `undefined` without TLS. */
  credentials(): ServerCredentials | undefined {
    return this.#certificates?.credentials();
  }

  /** Connections are encrypted. */
  get encrypted(): boolean {
    return this.#certificates !== undefined;
  }

  /**
   * Name of the key that a caller shows; `undefined` where no key is needed.
   * @throws CodedError UNAUTHENTICATED, in the same words for no key and for a wrong one
   */
  callerOf(authorization: string | undefined): string | undefined {
    if (this.#keys === undefined) return undefined;
    const caller = this.#keys.callerOf(authorization);
    if (caller === undefined) {
      const text = 'a valid key is needed; send it as "authorization: Bearer KEY"';
      throw new CodedError('UNAUTHENTICATED', text);
    }
    return caller;
  }

  /** Reads the files again. What cannot be used is logged, and what was in use before stays. Calls that run go on. */
  reload(): void {
    this.#reloadKeys('signal');
    const certificates = this.#certificates;
    if (certificates === undefined) return;
    this.#attempt('certificates', () => {
      certificates.reload();
      return { validTo: certificates.validTo };
    });
  }

  [Symbol.dispose](): void {
    if (this.#keyFile !== undefined) unwatchFile(this.#keyFile, this.#onChange);
  }

  #reloadKeys(because: 'change' | 'signal'): void {
    const path = this.#keyFile;
    if (path === undefined) return;
    this.#attempt('api keys', () => {
      this.#keys = new ApiKeyRing(readApiKeys(path));
      return { keys: this.#keys.size, because };
    });
  }

  #attempt(what: string, reread: () => object): void {
    try {
      this.#log.info(reread(), `${what} read again`);
    } catch (error) {
      this.#log.error(
        { reason: whyOf(error) },
        `${what} could not be read again; the old ones stay`,
      );
    }
  }
}
