import { availableParallelism, cpus, loadavg } from 'node:os';
import { ensureLargeModel } from '../large-model.js';
import { ensureLlamaServer } from '../llama-server/build.js';
import { measureMemory } from './memory.js';
import { readOverheadOptions } from './options.js';
import { measureStack } from './stack.js';
import { measureSteps } from './steps.js';

/** Text for `--help`. */
export const OVERHEAD_USAGE = `overhead [--threads 1,2] [--rounds 9] [--part steps|stack|memory]... [--llama-dir DIR]
    what the engine and the service add to llama.cpp, on a 95M model; figures as median (quartiles)`;

/** What the engine adds to a decode, the service to a stream, and what both take in memory. */
export async function overhead(line: readonly string[]): Promise<void> {
  const options = readOverheadOptions(line);
  const report = (text: string): void => {
    console.log(`  ${text}`);
  };
  const [load = 0] = loadavg();
  console.log(
    `${availableParallelism()} cores (${cpus()[0]?.model ?? 'unknown'}), load ${load.toFixed(2)}, node ${process.version}`,
  );
  if (load > 0.5) console.log('the machine is busy: expect wide spreads, and distrust them');
  const { path, madeInMs } = ensureLargeModel();
  if (madeInMs !== undefined) report(`made ${path} in ${(madeInMs / 1000).toFixed(1)} s`);

  if (options.parts.includes('steps')) {
    console.log('engine step over raw llama_decode of the same rows:');
    await measureSteps(path, options, report);
  }
  if (options.parts.includes('stack')) {
    console.log('plain greedy decoding, SDK over TCP against llama-server:');
    const { binary } = await ensureLlamaServer(report);
    await measureStack(path, binary, options, report);
  }
  if (options.parts.includes('memory')) {
    console.log('resident memory:');
    await measureMemory(path, options, report);
  }
}
