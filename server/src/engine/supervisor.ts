import { type Logger } from 'pino';
import { MemoryCeiling } from './memory-ceiling.js';
import { type EnginePulse } from './protocol.js';
import { residentBytes } from './resident-memory.js';
import { type Stall, StallClock } from './stall-clock.js';

/** What an engine process may do before it is reported or restarted. */
export interface SupervisionLimits {
  /** Without progress for so long it is reported, in milliseconds; 0: never. */
  readonly stallReportMs: number;
  /** Without progress for so long it is restarted, in milliseconds; 0: never. */
  readonly stallRestartMs: number;
  /** Ceiling of its resident memory; 0: none. Acted on where `residentBytes` can tell. */
  readonly maxRssBytes: number;
}

/** What supervision knows of an engine. */
export interface SupervisionStatus {
  /** Something in it has made no progress for longer than the first bound. */
  readonly stalled: boolean;
  /** How often that began, since the server did. */
  readonly stalls: number;
  /** Its resident memory is above the ceiling. */
  readonly aboveMaxRss: boolean;
}

/** A process to be looked after. */
export interface Supervised {
  readonly pid: number;
  /** Rejects when the process ends first. */
  pulse(): Promise<EnginePulse>;
  /** No stream, load or other call runs in it. */
  idle(): boolean;
  /** Ends it at once. */
  kill(why: string): void;
  readonly ended: Promise<unknown>;
}

const longestIntervalMs = 1000;
const shortestIntervalMs = 25;

/** Looks at an engine's processes, one after the other, at intervals: whether they move on, and what memory they take. */
export class Supervisor {
  readonly #limits: SupervisionLimits;
  readonly #log: Logger;
  readonly #ceiling: MemoryCeiling;
  readonly #reported = new Set<string | undefined>();
  #stalls = 0;
  #aboveMaxRss = false;

  constructor(limits: SupervisionLimits, log: Logger) {
    this.#limits = limits;
    this.#log = log;
    this.#ceiling = new MemoryCeiling(limits.maxRssBytes);
  }

  get status(): SupervisionStatus {
    return {
      stalled: this.#reported.size > 0,
      stalls: this.#stalls,
      aboveMaxRss: this.#aboveMaxRss,
    };
  }

  /** Looks after a process until it ends. */
  follow(process: Supervised): void {
    const intervalMs = intervalFor(this.#limits);
    if (intervalMs === undefined) return;
    const stalls = new StallClock();
    let pulse: EnginePulse | undefined;
    let asked = false;
    let lastMs = performance.now();
    const ask = (): void => {
      asked = true;
      process.pulse().then(
        heard => {
          pulse = heard;
          asked = false;
        },
        () => undefined, // It has ended, which is noticed below.
      );
    };
    ask();
    const timer = setInterval(() => {
      const nowMs = performance.now();
      // Where this process was held up itself, the engine may have been as well, and cannot be blamed.
      const elapsedMs = Math.min(nowMs - lastMs, 2 * intervalMs);
      lastMs = nowMs;
      const ending =
        this.#checkStalls(stalls.advance(elapsedMs, pulse), process) ||
        this.#checkMemory(process, nowMs);
      if (ending) clearInterval(timer);
      pulse = undefined;
      if (!asked) ask();
    }, intervalMs).unref();
    void process.ended.then(() => {
      clearInterval(timer);
      this.#reported.clear();
      this.#aboveMaxRss = false;
    });
  }

  /** True: the process is being ended. */
  #checkStalls(stalls: readonly Stall[], process: Supervised): boolean {
    const { stallReportMs, stallRestartMs } = this.#limits;
    const long = stalls.filter(stall => isBeyond(stall, stallReportMs));
    for (const { model, forMs } of long) {
      if (this.#reported.has(model)) continue;
      this.#reported.add(model);
      this.#stalls++;
      this.#log.warn({ model, forMs: Math.round(forMs) }, 'engine makes no progress');
    }
    for (const model of this.#reported) {
      if (long.some(stall => stall.model === model)) continue;
      this.#reported.delete(model);
      this.#log.info({ model }, 'engine makes progress again');
    }
    const hopeless = stalls.find(stall => isBeyond(stall, stallRestartMs));
    if (hopeless === undefined) return false;
    const { model, forMs } = hopeless;
    this.#log.error({ model, forMs: Math.round(forMs) }, 'engine made no progress; it is ended');
    process.kill('stalled');
    return true;
  }

  /** True: the process is being ended. */
  #checkMemory(process: Supervised, nowMs: number): boolean {
    const { maxRssBytes } = this.#limits;
    if (maxRssBytes === 0) return false;
    const rssBytes = residentBytes(process.pid);
    const idle = process.idle();
    const verdict = this.#ceiling.judge(rssBytes, idle, nowMs);
    const above = verdict !== 'below';
    if (above && !this.#aboveMaxRss)
      this.#log.warn({ rssBytes, maxRssBytes }, 'engine takes more memory than it may');
    this.#aboveMaxRss = above;
    if (verdict !== 'restart') return false;
    this.#log.error({ rssBytes, maxRssBytes, idle }, 'engine took too much memory; it is ended');
    process.kill('memory');
    return true;
  }
}

function isBeyond({ forMs, allowance }: Stall, boundMs: number): boolean {
  return boundMs > 0 && forMs >= boundMs * allowance;
}

/** How often to look, in milliseconds; undefined: there is nothing to look at. */
function intervalFor(limits: SupervisionLimits): number | undefined {
  const { stallReportMs, stallRestartMs, maxRssBytes } = limits;
  const bounds = [stallReportMs, stallRestartMs].filter(ms => ms > 0);
  if (bounds.length === 0 && maxRssBytes === 0) return undefined;
  const quarter = Math.min(...bounds.map(ms => ms / 4), longestIntervalMs);
  return Math.max(quarter, shortestIntervalMs);
}
