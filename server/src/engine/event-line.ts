import { writeSync } from 'node:fs';
import { type Readable } from 'node:stream';
import { type StreamEvent } from './protocol.js';

/** Descriptor of the line in an engine process. */
export const eventLineFd = 4;

// One for all threads of a process: a long line must not be cut by another thread's.
const lock = new SharedArrayBuffer(4);
const free = 0;
const taken = 1;

/** What a model thread needs to write on the line of its process. */
export function eventLineLock(): SharedArrayBuffer {
  return lock;
}

/**
 * The way of stream events from the model threads of an engine to its server, one JSON text per line. They do not go
 * through the engine's main thread: on a machine whose cores all decode, waking it for every token costs more than the
 * token's message.
 */
export class EventLineWriter {
  readonly #fd: number;
  readonly #lock: Int32Array;

  /** @param shared of `eventLineLock` */
  constructor(shared: SharedArrayBuffer, fd: number = eventLineFd) {
    this.#fd = fd;
    this.#lock = new Int32Array(shared);
  }

  /** Blocks while the server is behind by more than the socket holds. */
  write(stream: number, event: StreamEvent): void {
    const line = Buffer.from(`${JSON.stringify([stream, event])}\n`);
    while (Atomics.compareExchange(this.#lock, 0, free, taken) !== free) {
      Atomics.wait(this.#lock, 0, taken);
    }
    try {
      for (let at = 0; at < line.length;) at += writeSync(this.#fd, line, at);
    } finally {
      Atomics.store(this.#lock, 0, free);
      Atomics.notify(this.#lock, 0, 1);
    }
  }
}

/** Hands on every event that arrives on a line. */
export function readEventLine(
  line: Readable,
  onEvent: (stream: number, event: StreamEvent) => void,
): void {
  let begun = '';
  line.setEncoding('utf8').on('data', (text: string) => {
    let from = 0;
    for (let end = text.indexOf('\n'); end !== -1; end = text.indexOf('\n', from)) {
      const [stream, event] = JSON.parse(begun + text.slice(from, end)) as [number, StreamEvent];
      begun = '';
      from = end + 1;
      onEvent(stream, event);
    }
    begun += text.slice(from);
  });
  // The end of the process says what there is to say.
  line.on('error', () => undefined);
}
