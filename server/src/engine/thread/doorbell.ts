import { type MessagePort, receiveMessageOnPort } from 'node:worker_threads';

/** A port to another thread, and the bell that wakes it. */
export class Sender<Message> {
  readonly #port: MessagePort;
  readonly #bell: Int32Array;

  constructor(port: MessagePort, bell: SharedArrayBuffer) {
    this.#port = port;
    this.#bell = new Int32Array(bell);
  }

  /** Posts without ringing, so that several messages wake the receiver once. */
  post(message: Message): void {
    this.#port.postMessage(message);
  }

  /** Wakes the receiver. */
  ring(): void {
    Atomics.add(this.#bell, 0, 1);
    Atomics.notify(this.#bell, 0);
  }

  /** Posts and rings. */
  send(message: Message): void {
    this.post(message);
    this.ring();
  }
}

/**
 * A thread's own bell. No wake-up is lost: read `rings` first, then drain every port, and sleep only if nothing was found,
 * with the value read.
 */
export class Doorbell {
  readonly #bell: Int32Array;

  constructor(bell: SharedArrayBuffer) {
    this.#bell = new Int32Array(bell);
  }

  /** How often it has rung. */
  get rings(): number {
    return Atomics.load(this.#bell, 0);
  }

  /** Sleeps until it has rung more often than `rings`; false when it has not within `ms` milliseconds. */
  sleep(rings: number, ms = Infinity): boolean {
    return Atomics.wait(this.#bell, 0, rings, ms) !== 'timed-out';
  }
}

/** Every message waiting on a port, oldest first, without an event loop. */
export function* waiting(port: MessagePort): Generator {
  for (let next = receiveMessageOnPort(port); next !== undefined; next = receiveMessageOnPort(port))
    yield next.message as unknown;
}
