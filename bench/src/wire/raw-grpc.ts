import { once } from 'node:events';
import { connect as connectSocket, type Socket } from 'node:net';
import {
  type ClientHttp2Session,
  type ClientHttp2Stream,
  connect,
  constants,
  type IncomingHttpHeaders,
} from 'node:http2';

/** How a call that was made byte by byte has ended. */
export interface RawOutcome {
  /** Number of the gRPC status; unset when the call ended without one: it was cancelled, or the connection is gone. */
  readonly status: number | undefined;
  /** Text of the status; empty without one. */
  readonly message: string;
  /** Whether the status carries details, as every one that Outrider itself sends does. */
  readonly detailed: boolean;
  /** Bytes of messages that arrived. */
  readonly received: number;
  /** Whether the server let the deadline pass without a word, so that the call was given up. */
  readonly silent: boolean;
}

/** What a raw call may set beside its body. */
export interface RawCallOptions {
  /** Sent as `grpc-timeout`, in milliseconds; five seconds later the call is given up. @default 30000 */
  readonly timeoutMs?: number;
  /** More headers, or other ones. @default none */
  readonly headers?: Readonly<Record<string, string>>;
  /** Called with each piece of the answer and the stream it came on, to leave early for example. @default nothing */
  readonly onData?: (piece: Buffer, stream: ClientHttp2Stream) => void;
}

const PATIENCE_MS = 5_000;

/** A message as gRPC frames it. @param compressed the flag in front; other than 0 and 1 nothing sends. @default 0 */
export function frame(message: Uint8Array, compressed = 0): Buffer {
  const head = Buffer.alloc(5);
  head.writeUInt8(compressed, 0);
  head.writeUInt32BE(message.byteLength, 1);
  return Buffer.concat([head, message]);
}

/** One plain HTTP/2 connection on which calls consist of whatever bytes one likes. */
export class RawGrpc implements Disposable {
  readonly #session: ClientHttp2Session;
  readonly #socket: Socket;

  private constructor(session: ClientHttp2Session, socket: Socket) {
    this.#session = session;
    this.#socket = socket;
  }

  /** @param address `host:port`. @throws Error when nobody listens there */
  static async connect(address: string): Promise<RawGrpc> {
    const [host, port] = address.split(':');
    const socket = connectSocket(Number(port), host);
    await once(socket, 'connect');
    const session = connect(`http://${address}`, { createConnection: () => socket });
    // Calls notice by themselves that the connection has gone.
    session.on('error', () => undefined);
    return new RawGrpc(session, socket);
  }

  /** Whether no further call can be made. */
  get closed(): boolean {
    return this.#session.closed || this.#session.destroyed;
  }

  /** Makes one call of the method at `path` with this body, and waits for its end. */
  async call(path: string, body: Uint8Array, options: RawCallOptions = {}): Promise<RawOutcome> {
    const { timeoutMs = 30_000, headers = {}, onData } = options;
    const stream = this.#session.request({
      [constants.HTTP2_HEADER_METHOD]: 'POST',
      [constants.HTTP2_HEADER_PATH]: path,
      [constants.HTTP2_HEADER_CONTENT_TYPE]: 'application/grpc',
      [constants.HTTP2_HEADER_TE]: 'trailers',
      'grpc-timeout': `${Math.ceil(timeoutMs)}m`,
      ...headers,
    });
    let seen: IncomingHttpHeaders = {};
    let received = 0;
    const note = (headers: IncomingHttpHeaders): void => {
      seen = { ...seen, ...headers };
    };
    stream.on('response', note).on('trailers', note);
    stream.on('data', (piece: Buffer) => {
      received += piece.length;
      onData?.(piece, stream);
    });
    stream.on('error', () => undefined);
    const closed = once(stream, 'close');
    stream.end(body);
    let silent = false;
    const timer = setTimeout(() => {
      silent = true;
      stream.close(constants.NGHTTP2_CANCEL);
    }, timeoutMs + PATIENCE_MS);
    await closed;
    clearTimeout(timer);
    const status = seen['grpc-status'];
    return {
      status: status === undefined ? undefined : Number(status),
      message: decodeURIComponent(String(seen['grpc-message'] ?? '')),
      detailed: seen['grpc-status-details-bin'] !== undefined,
      received,
      silent,
    };
  }

  /** Breaks the TCP connection off, without a word to the server. */
  [Symbol.dispose](): void {
    this.#socket.destroy();
  }
}
