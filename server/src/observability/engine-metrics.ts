import { Counter, Gauge, type Registry } from 'prom-client';
import { type EnginePool } from '../engine/engine-pool.js';

/** Shows the engine processes, and what the server process itself takes. */
export function registerEngines(registry: Registry, engines: EnginePool): void {
  const registers = [registry];
  new Gauge({
    name: 'outrider_engine_up',
    help: '1 while the engine has a process.',
    labelNames: ['engine'],
    registers,
    collect() {
      this.reset();
      for (const { name, engine } of engines.all) {
        this.set({ engine: name }, engine.status().running ? 1 : 0);
      }
    },
  });
  new Counter({
    name: 'outrider_engine_restarts_total',
    help: 'Times that a dead engine process was replaced.',
    labelNames: ['engine'],
    registers,
    collect() {
      this.reset();
      for (const { name, engine } of engines.all) {
        this.inc({ engine: name }, engine.status().restarts);
      }
    },
  });
  registerProcess(registry);
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
