import { MessageChannel } from 'node:worker_threads';
import { type ModelHost } from './model-host.js';

/** The lines on which the threads of paired models talk to each other, one for each two of them. */
export class PeerLines {
  readonly #lines = new Map<string, readonly [ModelHost, ModelHost]>();

  /** Connects two models, unless they are. */
  connect(one: ModelHost, other: ModelHost): void {
    const line = [one.name, other.name].sort().join(' ');
    if (this.#lines.has(line)) return;
    this.#lines.set(line, [one, other]);
    const { port1, port2 } = new MessageChannel();
    one.connect(other, port1);
    other.connect(one, port2);
  }

  /** Ends a model, and tells those that were connected with it. */
  async stop(host: ModelHost): Promise<void> {
    const ended = [...this.#lines].filter(([, ends]) => ends.includes(host));
    for (const [line] of ended) this.#lines.delete(line);
    await host.stop();
    // Only now: what the thread said last, the ends of its chains among it, has to be heard first.
    for (const [line, ends] of ended) {
      // A model of the same name may have been loaded and connected meanwhile.
      if (this.#lines.has(line)) continue;
      for (const end of ends) if (end !== host) end.send({ type: 'peerGone', peer: host.name });
    }
  }
}
