/** Settings of one call; given to a client they are defaults for all of its calls. */
export interface CallOptions {
  /** Ends the call with `CancelledError`, or `TimeoutError` if its reason is a timeout. */
  readonly signal?: AbortSignal | undefined;
  /** Deadline from the first use, in milliseconds, retries included; sent to the server. @default none */
  readonly timeoutMs?: number | undefined;
  /** Name of the call in the server's log, 1 to 128 printable ASCII characters. @default made by the server */
  readonly requestId?: string | undefined;
  /** Further request metadata; merged over the client's. */
  readonly headers?: Readonly<Record<string, string>> | undefined;
  /**
   * Further attempts after failures that the server marks as worth retrying, or an unreachable server;
   * only before the first event of a stream. @default 2
   */
  readonly maxRetries?: number | undefined;
}

/** PEM texts for TLS. */
export interface TlsOptions {
  /** Authorities to trust. @default the system's */
  readonly ca?: string | undefined;
  /** Own certificate, for mutual TLS; needs `key`. */
  readonly cert?: string | undefined;
  /** Own private key; needs `cert`. */
  readonly key?: string | undefined;
}

/** Settings of a client. */
export interface OutriderOptions extends CallOptions {
  /** Sent as `authorization: Bearer …`; a function is asked before each attempt. @default none */
  readonly apiKey?: string | (() => string | Promise<string>) | undefined;
  /** Encrypt. @default only for `https://` addresses */
  readonly tls?: boolean | TlsOptions | undefined;
  /** Channel options of `@grpc/grpc-js`, over the client's own (keepalive 30 s / 15 s). */
  readonly channel?: unknown;
  /** Client middleware of `nice-grpc`, around each call and outside its retries. The last is outermost. */
  readonly middleware?: readonly unknown[] | undefined;
}
