import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { type AddressInfo } from 'node:net';
import { type Logger } from 'pino';

/** What the admin port shows. */
export interface AdminPages {
  /** Body of `/metrics`. */
  metrics(): Promise<{ readonly contentType: string; readonly body: string }>;
  /** Why the server is not ready for traffic; undefined when it is. */
  unready(): string | undefined;
}

/** An admin port that listens. */
export interface AdminServer {
  /** `host:port`. */
  readonly address: string;
  close(): Promise<void>;
}

/**
 * Listens for plain HTTP: `/metrics`, `/healthz` (the process lives), `/readyz` (send traffic here, or 503 with the reason).
 * @throws Error of the operating system when the address cannot be had
 */
export async function startAdminServer(
  { host, port }: { readonly host: string; readonly port: number },
  pages: AdminPages,
  log: Logger,
): Promise<AdminServer> {
  const server = createServer((request, response) => {
    answer(request, response, pages).catch((error: unknown) => {
      log.error(error, 'admin port');
      if (!response.headersSent) say(response, 500, 'internal error');
    });
  });
  server.listen(port, host);
  await once(server, 'listening');
  const bound = server.address() as AddressInfo;
  return {
    address: host.includes(':') ? `[${host}]:${bound.port}` : `${host}:${bound.port}`,
    close: async () => {
      const closed = once(server, 'close');
      server.close();
      // A scraper keeps its connection open for the next time.
      server.closeAllConnections();
      await closed;
    },
  };
}

async function answer(
  { method, url = '' }: IncomingMessage,
  response: ServerResponse,
  pages: AdminPages,
): Promise<void> {
  if (method !== 'GET' && method !== 'HEAD') {
    response.setHeader('allow', 'GET, HEAD');
    say(response, 405, 'only GET and HEAD');
    return;
  }
  switch (url.split('?')[0]) {
    case '/metrics': {
      const { contentType, body } = await pages.metrics();
      response.writeHead(200, { 'content-type': contentType }).end(body);
      return;
    }
    case '/healthz':
      say(response, 200, 'ok');
      return;
    case '/readyz': {
      const problem = pages.unready();
      say(response, problem === undefined ? 200 : 503, problem ?? 'ready');
      return;
    }
    default:
      say(response, 404, 'known are /metrics, /healthz and /readyz');
  }
}

function say(response: ServerResponse, status: number, text: string): void {
  response.writeHead(status, { 'content-type': 'text/plain; charset=utf-8' }).end(`${text}\n`);
}
