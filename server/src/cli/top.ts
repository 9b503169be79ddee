import { setTimeout as pause } from 'node:timers/promises';
import { DEFAULT_ADMIN, hostAndPort } from '../config/admin-address.js';
import { type Invocation } from './command.js';
import { interrupted, noServer, usage } from './failure.js';
import { count } from './flags/values.js';
import { type Io, writeJson } from './io.js';
import { type Exposition, readExposition } from './top/exposition.js';
import { frameText } from './top/frame.js';
import { type Frame, frameOf } from './top/snapshot.js';

const DEFAULT_INTERVAL_MS = 1_000;
const DEFAULT_TIMEOUT_MS = 5_000;

interface Scrape {
  readonly metrics: Exposition;
  readonly atMs: number;
}

/**
 * `outrider top`: models, devices, streams, acceptance and tokens per second, again after each interval; with `--once` one
 * frame. Reads `/metrics` of the admin port, so that every rate is that of all streams together.
 */
export async function top({ settings, io, json, signal }: Invocation): Promise<void> {
  const address = settings.text('admin') ?? DEFAULT_ADMIN;
  if (hostAndPort(address) === undefined) throw usage(`--admin: "${address}" is not host:port`);
  const intervalMs = settings.value('interval', count) ?? DEFAULT_INTERVAL_MS;
  if (intervalMs < 100) throw usage(`--interval: ${intervalMs} is too short; 100 or more is right`);
  const timeoutMs = settings.value('timeout', count) ?? DEFAULT_TIMEOUT_MS;
  let before = await scrape(address, timeoutMs, signal);
  do {
    await wait(intervalMs, signal);
    const now = await scrape(address, timeoutMs, signal);
    await show(io, json, frameOf(before.metrics, now.metrics, (now.atMs - before.atMs) / 1000));
    before = now;
  } while (!settings.isOn('once'));
}

/** @throws CommandFailure NO_SERVER, INTERRUPTED */
async function scrape(address: string, timeoutMs: number, signal: AbortSignal): Promise<Scrape> {
  const url = `http://${address}/metrics`;
  try {
    const patience = AbortSignal.any([signal, AbortSignal.timeout(timeoutMs)]);
    const response = await fetch(url, { signal: patience });
    if (!response.ok) throw new Error(`${url} answers ${response.status}`);
    const metrics = readExposition(await response.text());
    if (!metrics.has('outrider_engine_up')) throw new Error(`${url} is not an Outrider server's`);
    return { metrics, atMs: performance.now() };
  } catch (error) {
    throw signal.aborted ? interrupted() : noServer(url, error);
  }
}

async function wait(ms: number, signal: AbortSignal): Promise<void> {
  await pause(ms, undefined, { signal }).catch(() => {
    throw interrupted();
  });
}

async function show(io: Io, json: boolean, frame: Frame): Promise<void> {
  if (json) await writeJson(io, frame);
  else if (io.outIsTerminal) await io.write(CLEAR + frameText(frame));
  else await io.write(`${frameText(frame)}\n`);
}

const CLEAR = '\u001b[H\u001b[2J';
