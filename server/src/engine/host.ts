import { readFileSync } from 'node:fs';
import os from 'node:os';

/** Physical cores of this machine; logical ones where the system does not tell. */
export function physicalCores(): number {
  const logical = os.availableParallelism();
  if (process.platform !== 'linux') return logical;
  try {
    const cores = new Set<string>();
    for (const block of readFileSync('/proc/cpuinfo', 'utf8').split('\n\n')) {
      const core = /^core id\s*:\s*(\d+)/m.exec(block)?.[1];
      const socket = /^physical id\s*:\s*(\d+)/m.exec(block)?.[1];
      if (core !== undefined) cores.add(`${socket ?? ''}/${core}`);
    }
    // A container may be given fewer processors than the machine has cores.
    return cores.size === 0 ? logical : Math.min(cores.size, logical);
  } catch {
    return logical;
  }
}
