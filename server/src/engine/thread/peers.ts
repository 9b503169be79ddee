import { type MessagePort } from 'node:worker_threads';
import { AbortFlag } from './abort-flag.js';
import { Sender, waiting } from './doorbell.js';
import { type FromDraft, type ToDraft } from './messages.js';

/** What two paired threads say to each other; each may draft for the other. */
export type PeerMessage = ToDraft | FromDraft;

interface Line {
  readonly port: MessagePort;
  readonly sender: Sender<PeerMessage>;
  readonly abort: AbortFlag;
}

/** The threads that this one drafts for or that draft for it, by the name of their model. */
export class Peers {
  readonly #ports = new Map<string, Line>();

  /** Takes the line to another model's thread; a line to a model of the same name before it is closed. */
  add(name: string, port: MessagePort, bell: SharedArrayBuffer, abort: SharedArrayBuffer): void {
    this.#ports.get(name)?.port.close();
    this.#ports.set(name, { port, sender: new Sender(port, bell), abort: new AbortFlag(abort) });
  }

  /** Closes the line to a model that was unloaded. */
  remove(name: string): void {
    this.#ports.get(name)?.port.close();
    this.#ports.delete(name);
  }

  /** Closes every line. */
  close(): void {
    for (const { port } of this.#ports.values()) port.close();
    this.#ports.clear();
  }

  /** The line to a model's thread. */
  sender(name: string): Sender<PeerMessage> {
    return this.#line(name).sender;
  }

  /** What gives up a pass of that model. */
  abortFlag(name: string): AbortFlag {
    return this.#line(name).abort;
  }

  #line(name: string): Line {
    const line = this.#ports.get(name);
    if (line === undefined) throw new Error(`no line to ${name}`);
    return line;
  }

  /**
   * Every waiting message, with the name of its sender; in order per sender. Reads until a whole round finds nothing, so that
   * a message is never taken before one that another thread had sent earlier.
   */
  take(): readonly { readonly from: string; readonly message: PeerMessage }[] {
    const taken: { from: string; message: PeerMessage }[] = [];
    for (let found = -1; found < taken.length;) {
      found = taken.length;
      for (const [from, { port }] of this.#ports)
        for (const message of waiting(port)) taken.push({ from, message: message as PeerMessage });
    }
    return taken;
  }
}
