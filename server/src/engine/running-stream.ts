import { CodedError } from '../coded-error.js';
import { EventQueue } from './event-queue.js';
import { type StreamEvent } from './protocol.js';

/** A stream as the server follows it. */
export interface RunningStream {
  readonly queue: EventQueue<StreamEvent>;
  /** Hears every event, whether or not its reader keeps up. */
  readonly heard: ((event: StreamEvent) => void) | undefined;
}

// Events of some 250 bytes each: a reader this far behind has stopped reading.
const mostWaitingEvents = 4096;

/** A stream that nothing has been heard of yet. */
export function beginStream(heard: RunningStream['heard']): RunningStream {
  return { queue: new EventQueue(mostWaitingEvents), heard };
}

/** Takes an event. @returns false where the reader is too far behind, and the stream was ended with SLOW_CONSUMER for it */
export function hearStream(stream: RunningStream, event: StreamEvent): boolean {
  stream.heard?.(event);
  if (stream.queue.push(event)) return true;
  const text = `the reader is more than ${mostWaitingEvents} events behind`;
  failStream(stream, new CodedError('SLOW_CONSUMER', text));
  return false;
}

/** Ends a stream in place of its engine; what waits to be read is dropped. */
export function failStream({ queue, heard }: RunningStream, error: CodedError): void {
  const event = { type: 'failed', error: error.toData() } as const;
  heard?.(event);
  queue.pushLast(event);
}
