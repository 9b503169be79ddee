import { Outrider } from '@outrider/sdk';
import { pino } from 'pino';
import { type ServerConfig, serverConfig } from '../../../server/src/config/config.js';
import { type RunningServer, startServer } from '../../../server/src/rpc/server.js';
import { FakeEngine } from '../../support/fake-engine.js';
import { embedded } from './served.js';

/** How a client of the tests introduces itself. */
export type ClientOptions = NonNullable<ConstructorParameters<typeof Outrider>[1]>;

/** A server over a fake engine with `models/big`, whose whole log is kept. */
export class Secured implements AsyncDisposable {
  readonly server: RunningServer;
  readonly #lines: string[];
  readonly #waiting: Set<() => void>;

  private constructor(server: RunningServer, lines: string[], waiting: Set<() => void>) {
    this.server = server;
    this.#lines = lines;
    this.#waiting = waiting;
  }

  static async ready(config: Partial<ServerConfig>, engine = new FakeEngine()): Promise<Secured> {
    const lines: string[] = [];
    const waiting = new Set<() => void>();
    const write = (line: string) => {
      lines.push(line);
      for (const look of waiting) look();
    };
    const whole = serverConfig({
      port: 0,
      admin: 'off',
      models: [embedded('big')],
      drainMs: 100,
      ...config,
    });
    const server = await startServer(whole, { engine, log: pino({ level: 'debug' }, { write }) });
    await server.ready;
    return new Secured(server, lines, waiting);
  }

  /** Everything that was logged, at `debug` and above. */
  get log(): string {
    return this.#lines.join('');
  }

  /** A client that does not try twice. */
  client(options: ClientOptions = {}): Outrider {
    return new Outrider(this.server.address, { maxRetries: 0, timeoutMs: 20_000, ...options });
  }

  /** Does something and waits for a line of the log that says so. */
  async until(message: string, act: () => void): Promise<void> {
    const seen = this.#lines.length;
    const said = new Promise<void>(resolve => {
      const look = () => {
        if (!this.#lines.slice(seen).some(line => line.includes(message))) return;
        this.#waiting.delete(look);
        resolve();
      };
      this.#waiting.add(look);
    });
    act();
    await said;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.server.close();
  }
}
