import { type ServerMiddleware } from 'nice-grpc-common';
import { Registry } from 'prom-client';
import { ModelTally } from './model-tally.js';
import { RequestMetrics } from './request-metrics.js';
import { rpcMetrics } from './rpc-metrics.js';
import { registerState, type StateSources } from './state-metrics.js';
import { StreamMeter } from './stream-meter.js';
import { registerTallies } from './tally-metrics.js';

/** A generation that begins. */
export interface BeginningStream {
  /** Name of the target. */
  readonly model: string;
  readonly promptTokens: number;
  /** When the request arrived, in milliseconds of `performance.now`. */
  readonly arrivedMs: number;
}

/** Everything that one server counts, for Prometheus. Names and meaning: docs/api.md. */
export class Metrics {
  readonly #registry = new Registry();
  readonly #tallies = new Map<string, ModelTally>();
  readonly #requests = new RequestMetrics(this.#registry);
  /** Counts calls; goes inside whatever names a call, and outside whatever turns failures into statuses. */
  readonly middleware: ServerMiddleware = rpcMetrics(this.#registry);

  constructor() {
    registerTallies(this.#registry, this.#tallies);
  }

  /** Shows models, devices and engines, and counts loads. */
  observe(sources: StateSources): void {
    registerState(this.#registry, sources);
    const seen = new WeakMap<object, Date>();
    sources.registry.onChange(record => {
      const { loadTime, name, loadMs } = record;
      if (loadTime === undefined || seen.get(record) === loadTime) return;
      seen.set(record, loadTime);
      this.#requests.loadTime.observe({ model: name }, loadMs / 1000);
    });
  }

  /** A stream got its sequence. @returns the meter for its events */
  stream({ model, promptTokens, arrivedMs }: BeginningStream): StreamMeter {
    const { queueWait, timeToFirstToken, finished } = this.#requests;
    const sinceArrival = () => (performance.now() - arrivedMs) / 1000;
    queueWait.observe({ model }, sinceArrival());
    return new StreamMeter(this.#tally(model), promptTokens, {
      firstToken: () => timeToFirstToken.observe({ model }, sinceArrival()),
      finished: finish => finished.inc({ model, finish }),
    });
  }

  /** A generation was refused before it began. @param model its name; empty for an unknown one, which must not become a label */
  rejected(model: string, reason: string): void {
    this.#requests.rejected.inc({ model, reason });
  }

  /** In Prometheus' text format. */
  async text(): Promise<{ readonly contentType: string; readonly body: string }> {
    return { contentType: this.#registry.contentType, body: await this.#registry.metrics() };
  }

  #tally(model: string): ModelTally {
    const known = this.#tallies.get(model) ?? new ModelTally();
    this.#tallies.set(model, known);
    return known;
  }
}
