import { type CodedError } from '../coded-error.js';
import { type EventQueue } from './event-queue.js';
import { type StreamEvent } from './protocol.js';

/** A stream as the server follows it. */
export interface RunningStream {
  readonly queue: EventQueue<StreamEvent>;
  /** Hears every event, whether or not its reader keeps up. */
  readonly heard: ((event: StreamEvent) => void) | undefined;
}

/** Ends a stream in place of its engine; what waits to be read is dropped. */
export function failStream({ queue, heard }: RunningStream, error: CodedError): void {
  const event = { type: 'failed', error: error.toData() } as const;
  heard?.(event);
  queue.pushLast(event);
}
