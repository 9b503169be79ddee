import { Counter, Gauge, type Registry } from 'prom-client';
import { type EngineStatus } from '../engine/engine.js';
import { type EnginePool } from '../engine/engine-pool.js';
import { residentBytes } from '../engine/resident-memory.js';

/** Shows the engine processes, and what the server process itself takes. */
export function registerEngines(registry: Registry, engines: EnginePool): void {
  for (const [name, help, read] of GAUGES) {
    new Gauge({
      ...{ name, help, labelNames: ['engine'], registers: [registry] },
      collect() {
        this.reset();
        for (const { name: engine, value } of readings(engines, read)) this.set({ engine }, value);
      },
    });
  }
  for (const [name, help, read] of COUNTERS) {
    new Counter({
      ...{ name, help, labelNames: ['engine'], registers: [registry] },
      collect() {
        this.reset();
        for (const { name: engine, value } of readings(engines, read)) this.inc({ engine }, value);
      },
    });
  }
  registerProcess(registry);
}

/** Reads an engine; undefined where it does not tell. */
type Reading = (status: EngineStatus) => number | undefined;
type Row = readonly [name: string, help: string, read: Reading];

const GAUGES: readonly Row[] = [
  ['outrider_engine_up', '1 while the engine has a process.', ({ running }) => Number(running)],
  [
    'outrider_engine_stalled',
    '1 while something in the engine makes no progress for longer than --stall-report-ms.',
    ({ supervision }) => Number(supervision.stalled),
  ],
  [
    'outrider_engine_above_max_rss',
    '1 while the engine takes more memory than --engine-max-rss.',
    ({ supervision }) => Number(supervision.aboveMaxRss),
  ],
  [
    'outrider_engine_resident_memory_bytes',
    'Resident memory of the engine process, mapped files included; absent without /proc.',
    ({ pid }) => (pid === undefined ? undefined : residentBytes(pid)),
  ],
];

const COUNTERS: readonly Row[] = [
  [
    'outrider_engine_restarts_total',
    'Times that a dead engine process was replaced.',
    ({ restarts }) => restarts,
  ],
  [
    'outrider_engine_stalls_total',
    'Times that something in the engine made no progress for longer than --stall-report-ms.',
    ({ supervision }) => supervision.stalls,
  ],
];

function readings(engines: EnginePool, read: Reading): { name: string; value: number }[] {
  return engines.all.flatMap(({ name, engine }) => {
    const value = read(engine.status());
    return value === undefined ? [] : [{ name, value }];
  });
}

/** The names that Prometheus' own client libraries use. */
function registerProcess(registry: Registry): void {
  const registers = [registry];
  new Counter({
    name: 'process_cpu_seconds_total',
    help: 'CPU time of the server process, without its engines.',
    registers,
    collect() {
      const { user, system } = process.cpuUsage();
      this.reset();
      this.inc((user + system) / 1e6);
    },
  });
  new Gauge({
    name: 'process_resident_memory_bytes',
    help: 'Resident memory of the server process, without its engines.',
    registers,
    collect() {
      this.set(process.memoryUsage.rss());
    },
  });
  new Gauge({
    name: 'process_start_time_seconds',
    help: 'When the server process began, in seconds since 1970.',
    registers,
  }).set(performance.timeOrigin / 1000);
}
