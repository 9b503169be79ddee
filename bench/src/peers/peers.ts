import { availableParallelism, cpus, loadavg } from 'node:os';
import { ensureLlamaServer } from '../llama-server/build.js';
import { warmUpPeerClient } from '../warm-up.js';
import { compareWithLlamaServer, compareWithOwnPlain } from './equality.js';
import { goalsOf } from './goals.js';
import { type Measurement } from './measurement.js';
import { readPeersOptions } from './options.js';
import { pairName } from './pairs.js';
import { type PeersResult, writeResult } from './result-file.js';
import { measurePair } from './run.js';
import { summarise } from './summary.js';
import { tablePage } from './table.js';
import { sampledAcceptance, totalsOf } from './totals.js';

/**
 * llama-server against Outrider, plain and speculative, pair by pair. What is known is written after each pair, so
 * that a run that is ended early leaves the pairs that it has finished. Ends with status 1 when drafts changed a text.
 */
export async function peers(line: readonly string[]): Promise<void> {
  const options = readPeersOptions(line);
  const report = (text: string): void => {
    console.log(`  ${text}`);
  };
  const [load = 0] = loadavg();
  const machine = {
    cores: availableParallelism(),
    cpu: cpus()[0]?.model ?? 'unknown',
    node: process.version,
  };
  console.log(
    `${machine.cores} cores (${machine.cpu}), load ${load.toFixed(2)}, node ${machine.node}, ${options.threads} threads`,
  );
  if (load > 0.5) console.log('the machine is busy: expect wide spreads, and distrust them');

  const build = await ensureLlamaServer(report);
  await warmUpPeerClient(build.binary);
  const measurements: Measurement[] = [];
  let files: string[] = [];
  let result: PeersResult | undefined;
  for (const pair of options.pairs) {
    console.log(`${pairName(pair)}:`);
    measurements.push(...(await measurePair(pair, options, build, report)));
    result = { machine, llamaCpp: build.commit, options, ...conclude(measurements) };
    files = writeResult(result);
  }
  if (result === undefined) return;
  const { groups, totals, equalities, goals } = result;
  console.log(`\n${tablePage(groups, totals, equalities, goals)}\n\nwritten: ${files.join(', ')}`);
  if (compareWithOwnPlain(measurements).some(({ texts, equal }) => equal < texts)) {
    console.error('a draft changed a text');
    process.exitCode = 1;
  }
}

function conclude(
  measurements: readonly Measurement[],
): Pick<PeersResult, 'measurements' | 'groups' | 'totals' | 'equalities' | 'goals'> {
  const groups = summarise(measurements);
  const totals = totalsOf(groups);
  const equalities = [
    ...compareWithOwnPlain(measurements),
    ...compareWithLlamaServer(measurements),
  ];
  return {
    ...{ measurements: [...measurements], groups, totals, equalities },
    goals: goalsOf(totals, sampledAcceptance(measurements)),
  };
}
