import { CodedError } from '../coded-error.js';
import { type FromEngine, type LoadProgressEvent } from './protocol.js';

/** A message that is answered, one of `Message`, without the number of its call. */
export type Question<Message> =
  Extract<Message, { call: number }> extends infer Each
    ? Each extends unknown
      ? Omit<Each, 'call'>
      : never
    : never;

/** What is said about a call by the process or thread that it was put to. */
export type CallMessage = Extract<FromEngine, { readonly call: number }>;

interface Call {
  readonly resolve: (value: unknown) => void;
  readonly reject: (error: CodedError) => void;
  readonly onProgress: ((progress: LoadProgressEvent) => void) | undefined;
}

/** Calls to another process or thread that it has not answered yet. */
export class OpenCalls {
  readonly #calls = new Map<number, Call>();
  #next = 0;

  /** How many there are. */
  get size(): number {
    return this.#calls.size;
  }

  /**
   * Has a question sent under a number of its own, and waits for the answer.
   * @throws CodedError why it is refused, or what the calls were ended with
   */
  ask(
    send: (call: number) => void,
    onProgress?: (progress: LoadProgressEvent) => void,
  ): Promise<unknown> {
    const call = this.#next++;
    return new Promise((resolve, reject) => {
      this.#calls.set(call, { resolve, reject, onProgress });
      send(call);
    });
  }

  /** Takes an answer, or how far a load is. */
  onMessage(message: CallMessage): void {
    switch (message.type) {
      case 'reply':
        this.#take(message.call)?.resolve(message.value);
        return;
      case 'failed':
        this.#take(message.call)?.reject(CodedError.fromData(message.error));
        return;
      case 'loadProgress':
        this.#calls.get(message.call)?.onProgress?.(message.progress);
        return;
    }
  }

  /** Ends all of them: there is nobody left to answer. */
  fail(error: CodedError): void {
    for (const { reject } of this.#calls.values()) reject(error);
    this.#calls.clear();
  }

  #take(call: number): Call | undefined {
    const taken = this.#calls.get(call);
    this.#calls.delete(call);
    return taken;
  }
}
