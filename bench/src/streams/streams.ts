import { mkdirSync, writeFileSync } from 'node:fs';
import { availableParallelism, cpus, loadavg } from 'node:os';
import { join } from 'node:path';
import { ensureLlamaServer, type LlamaServerBuild } from '../llama-server/build.js';
import { ensurePair, type PairFiles } from '../peers/pairs.js';
import { turnOrder } from '../peers/settings.js';
import { PROMPTS } from '../prompts.js';
import { warmUpPeerClient } from '../warm-up.js';
import { startStreamContenders, type StreamContender } from './contenders.js';
import { readStreamsOptions, type StreamsOptions } from './options.js';
import { streamsPage, type StreamsMeasurement, summariseStreams } from './summary.js';

// As in `peers`.
const WARM_UP_TOKENS = 48;

/** llama-server against Outrider with several streams at once, in turns; the table is printed and `streams.json` written. */
export async function streams(line: readonly string[]): Promise<void> {
  const options = readStreamsOptions(line);
  const report = (text: string): void => console.log(`  ${text}`);
  const [load = 0] = loadavg();
  const cpu = cpus()[0]?.model ?? 'unknown';
  const machine = { cores: availableParallelism(), cpu, node: process.version };
  console.log(
    `${machine.cores} cores (${cpu}), load ${load.toFixed(2)}, node ${machine.node}, ${options.threads} threads`,
  );
  if (load > 0.5) console.log('the machine is busy: expect wide spreads, and distrust them');

  const build = await ensureLlamaServer(report);
  await warmUpPeerClient(build.binary);
  const files = ensurePair({ target: 'f32', draft: 'good' }, report);
  const measurements: StreamsMeasurement[] = [];
  for (const number of options.streams) {
    report(`${number} at once`);
    measurements.push(...(await measure(number, files, options, build)));
  }
  const summaries = summariseStreams(measurements);
  mkdirSync(options.out, { recursive: true });
  const path = join(options.out, 'streams.json');
  const settings = { ...options, out: undefined };
  const result = { machine, llamaCpp: build.commit, options: settings, summaries, measurements };
  writeFileSync(path, `${JSON.stringify(result, undefined, 1)}\n`);
  console.log(`\n${streamsPage(summaries)}\n\nwritten: ${path}`);
}

async function measure(
  number: number,
  files: PairFiles,
  { threads, rounds, tokens }: StreamsOptions,
  build: LlamaServerBuild,
): Promise<StreamsMeasurement[]> {
  await using contenders = await startStreamContenders(files, threads, number, build);
  for (const contender of contenders.list) await speedOf(contender, number, 0, WARM_UP_TOKENS);
  const measurements: StreamsMeasurement[] = [];
  for (let round = 0; round < rounds; round++) {
    for (const contender of turnOrder(contenders.list, round)) {
      const { server, way } = contender;
      const tokensPerSecond = await speedOf(contender, number, round, tokens);
      measurements.push({ streams: number, round, server, way, tokensPerSecond });
    }
  }
  return measurements;
}

async function speedOf(
  { complete }: StreamContender,
  number: number,
  round: number,
  tokens: number,
): Promise<number> {
  const start = performance.now();
  await Promise.all(
    Array.from({ length: number }, async (_, i) =>
      complete({ prompt: PROMPTS[(round + i) % PROMPTS.length] ?? '', tokens, seed: i + 1 }),
    ),
  );
  return (number * tokens * 1000) / (performance.now() - start);
}
