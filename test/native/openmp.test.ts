import { expect, it } from '@jest/globals';
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { setImmediate } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import koffi from 'koffi';
import { endOpenMpTeam } from '../../server/src/engine/llama/openmp.js';
import { describeUnless } from '../support/describe-unless.js';
import { runsHere } from '../support/runs-here.js';

const source = fileURLToPath(new URL('../support/openmp-region.c', import.meta.url));
const missing = process.platform !== 'linux' ? 'not Linux' : runsHere('gcc') ? undefined : 'no gcc';

const [describe, skipped] = describeUnless(missing);

describe(`the threads that OpenMP keeps${skipped}`, () => {
  it('are ended, and made again by the next parallel region', async () => {
    const directory = mkdtempSync(path.join(os.tmpdir(), 'outrider-openmp-'));
    try {
      const library = path.join(directory, 'region.so');
      execFileSync('gcc', ['-fopenmp', '-shared', '-fPIC', '-o', library, source]);
      const region = koffi.load(library).func('int run_region(int)') as (threads: number) => number;
      const before = threads();

      expect(region(3)).toBe(3);
      expect(threads()).toBe(before + 2);
      endOpenMpTeam();
      // Ended threads are listed until the kernel has buried them; the test's time limit is the only one.
      while (threads() > before) await setImmediate();
      expect(region(3)).toBe(3);
      expect(threads()).toBe(before + 2);
      endOpenMpTeam();
    } finally {
      rmSync(directory, { recursive: true, force: true });
    }
  });
});

function threads(): number {
  return readdirSync('/proc/self/task').length;
}
