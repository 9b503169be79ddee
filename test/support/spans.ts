import { context, propagation, trace } from '@opentelemetry/api';
import {
  NodeTracerProvider,
  type ReadableSpan,
  type SpanProcessor,
} from '@opentelemetry/sdk-trace-node';

/**
 * An OpenTelemetry SDK that keeps every span in memory, registered until it is disposed. One in a process: whoever has
 * got a tracer from the first one keeps it.
 */
export class Spans implements SpanProcessor, AsyncDisposable {
  readonly #ended: ReadableSpan[] = [];
  readonly #waiting = new Set<() => void>();
  readonly #provider = new NodeTracerProvider({ spanProcessors: [this] });

  constructor() {
    this.#provider.register();
  }

  /** Spans that have ended, in the order of their ends. */
  get ended(): readonly ReadableSpan[] {
    return this.#ended;
  }

  /** Forgets every span. */
  clear(): void {
    this.#ended.length = 0;
  }

  /** The first span of a name, as soon as it has ended. */
  async named(name: string): Promise<ReadableSpan> {
    for (;;) {
      const span = this.#ended.find(ended => ended.name === name);
      if (span !== undefined) return span;
      await new Promise<void>(resolve => this.#waiting.add(resolve));
    }
  }

  onStart(): void {
    // Only what has ended is looked at.
  }

  onEnd(span: ReadableSpan): void {
    this.#ended.push(span);
    for (const wake of this.#waiting) wake();
    this.#waiting.clear();
  }

  async forceFlush(): Promise<void> {
    // Nothing is on its way.
  }

  async shutdown(): Promise<void> {
    // Nothing is held but memory.
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#provider.shutdown();
    trace.disable();
    context.disable();
    propagation.disable();
  }
}
