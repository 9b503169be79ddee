import { Counter, Histogram, type Registry } from 'prom-client';

/** Seconds that a person waits: from at once to minutes. */
const WAIT_SECONDS = [0.001, 0.005, 0.01, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120];

/** What happens once per request or load, so that the library's own metrics are cheap enough. */
export class RequestMetrics {
  readonly queueWait: Histogram<'model'>;
  readonly timeToFirstToken: Histogram<'model'>;
  readonly loadTime: Histogram<'model'>;
  readonly finished: Counter<'model' | 'finish'>;
  readonly rejected: Counter<'model' | 'reason'>;

  constructor(registry: Registry) {
    const registers = [registry];
    this.queueWait = new Histogram({
      name: 'outrider_queue_wait_seconds',
      help: 'Time from the arrival of a request to its start.',
      labelNames: ['model'],
      buckets: WAIT_SECONDS,
      registers,
    });
    this.timeToFirstToken = new Histogram({
      name: 'outrider_time_to_first_token_seconds',
      help: 'Time from the arrival of a request to its first token, queue included.',
      labelNames: ['model'],
      buckets: WAIT_SECONDS,
      registers,
    });
    this.loadTime = new Histogram({
      name: 'outrider_model_load_seconds',
      help: 'Time of loads that succeeded, reloads included.',
      labelNames: ['model'],
      buckets: WAIT_SECONDS,
      registers,
    });
    this.finished = new Counter({
      name: 'outrider_requests_total',
      help: 'Streams that have ended: a finish reason, cancelled, or the reason of the failure.',
      labelNames: ['model', 'finish'],
      registers,
    });
    this.rejected = new Counter({
      name: 'outrider_requests_rejected_total',
      help: 'Generations that were refused before they began; model is empty for an unknown one.',
      labelNames: ['model', 'reason'],
      registers,
    });
  }
}
