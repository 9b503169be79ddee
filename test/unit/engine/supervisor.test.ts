import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { pino } from 'pino';
import { type EnginePulse } from '../../../server/src/engine/protocol.js';
import { residentBytes } from '../../../server/src/engine/resident-memory.js';
import { type SupervisionLimits, Supervisor } from '../../../server/src/engine/supervisor.js';

const limits = { stallReportMs: 1000, stallRestartMs: 5000, maxRssBytes: 0 };

beforeEach(() => {
  jest.useFakeTimers();
});

afterEach(() => {
  jest.useRealTimers();
});

/** A process that answers with `pulse`, or not at all while that is undefined. */
class FakeProcess {
  readonly pid = process.pid;
  readonly kills: string[] = [];
  readonly ended: Promise<string>;
  pulse_: EnginePulse | undefined = { busy: [] };
  isIdle = false;
  end: (how: string) => void = () => undefined;

  constructor() {
    this.ended = new Promise(resolve => {
      this.end = resolve;
    });
  }

  pulse = (): Promise<EnginePulse> =>
    this.pulse_ === undefined ? new Promise(() => undefined) : Promise.resolve(this.pulse_);
  idle = (): boolean => this.isIdle;
  kill = (why: string): void => {
    this.kills.push(why);
    this.end(`SIGKILL (${why})`);
  };
}

function supervise(more: Partial<SupervisionLimits> = {}) {
  const told: { level: number; msg: string; model?: string }[] = [];
  const write = (line: string) => told.push(JSON.parse(line) as (typeof told)[number]);
  const supervisor = new Supervisor({ ...limits, ...more }, pino({ level: 'info' }, { write }));
  const engine = new FakeProcess();
  supervisor.follow(engine);
  return { supervisor, engine, told };
}

function at(round: number, rows = 1): EnginePulse {
  return { busy: [{ model: 'models/big', round, rows }] };
}

describe('an engine that is looked after', () => {
  it('may be at work for ever as long as it moves on', async () => {
    const { supervisor, engine, told } = supervise();

    for (let round = 1; round < 100; round += 2) {
      engine.pulse_ = at(round);
      await jest.advanceTimersByTimeAsync(500);
    }

    expect([supervisor.status.stalls, engine.kills, told]).toEqual([0, [], []]);
  });

  it('may sleep for ever', async () => {
    const { supervisor, engine } = supervise();

    await jest.advanceTimersByTimeAsync(100_000);

    expect([supervisor.status.stalls, engine.kills]).toEqual([0, []]);
  });

  it('is reported once when a thread of it stays in one pass, and restarted later', async () => {
    const { supervisor, engine, told } = supervise();
    engine.pulse_ = at(7);

    await jest.advanceTimersByTimeAsync(2000);
    expect(supervisor.status).toMatchObject({ stalled: true, stalls: 1 });
    expect(told).toMatchObject([{ model: 'models/big', msg: 'engine makes no progress' }]);
    expect(engine.kills).toEqual([]);
    await jest.advanceTimersByTimeAsync(10_000);

    expect(engine.kills).toEqual(['stalled']);
    expect(supervisor.status).toMatchObject({ stalled: false, stalls: 1 });
  });

  it('is no longer reported once the thread moves on', async () => {
    const { supervisor, engine, told } = supervise();
    engine.pulse_ = at(7);
    await jest.advanceTimersByTimeAsync(2000);

    engine.pulse_ = at(9);
    await jest.advanceTimersByTimeAsync(600);

    expect(supervisor.status).toMatchObject({ stalled: false, stalls: 1 });
    expect(told.at(-1)).toMatchObject({ msg: 'engine makes progress again', model: 'models/big' });
  });

  it('has more time for a pass of more rows', async () => {
    const { supervisor, engine } = supervise();
    engine.pulse_ = at(7, 512);

    await jest.advanceTimersByTimeAsync(7500);
    expect(supervisor.status.stalled).toBe(false);
    await jest.advanceTimersByTimeAsync(1500);
    expect(supervisor.status.stalled).toBe(true);
    await jest.advanceTimersByTimeAsync(25_000);

    expect(engine.kills).toEqual([]);
  });

  it('is reported and restarted when it does not answer at all', async () => {
    const { supervisor, engine, told } = supervise();
    await jest.advanceTimersByTimeAsync(1000);
    engine.pulse_ = undefined;

    await jest.advanceTimersByTimeAsync(2000);
    expect(supervisor.status.stalled).toBe(true);
    expect(told[0]?.model).toBeUndefined();
    await jest.advanceTimersByTimeAsync(5000);

    expect(engine.kills).toEqual(['stalled']);
  });

  it('is neither reported nor restarted with bounds of 0', async () => {
    const { supervisor, engine } = supervise({ stallReportMs: 0, stallRestartMs: 0 });
    engine.pulse_ = undefined;

    await jest.advanceTimersByTimeAsync(1_000_000);

    expect([supervisor.status.stalls, engine.kills]).toEqual([0, []]);
  });

  it('is reported while it takes too much memory, and restarted once it is idle', async () => {
    const maxRssBytes = Math.round((residentBytes(process.pid) ?? 0) / 1.1);
    const { supervisor, engine, told } = supervise({ maxRssBytes });
    await jest.advanceTimersByTimeAsync(600);
    expect(supervisor.status.aboveMaxRss).toBe(true);
    expect(engine.kills).toEqual([]);

    engine.isIdle = true;
    await jest.advanceTimersByTimeAsync(600);

    expect(engine.kills).toEqual(['memory']);
    expect(told.map(({ msg }) => msg)).toEqual([
      'engine takes more memory than it may',
      'engine took too much memory; it is ended',
    ]);
    expect(supervisor.status.aboveMaxRss).toBe(false);
  });
});
