import { readFileSync } from 'node:fs';
import os from 'node:os';

/** Physical cores that this process may use; logical ones where the system does not tell. */
export function physicalCores(): number {
  const logical = os.availableParallelism();
  // A container may be given fewer processors than the machine has cores.
  return Math.min(listedCores() ?? logical, logical);
}

const bytesPerThread = 16 * 2 ** 20;

/**
 * Threads that compute a model unless it is told otherwise: one for every 16 MiB of its file, at most one per core. With less
 * to read each, threads wait longer for one another than they save; a draft of a few megabytes is fastest on one.
 */
export function threadsFor(fileBytes: number, cores = physicalCores()): number {
  return Math.max(1, Math.min(Math.ceil(fileBytes / bytesPerThread), cores));
}

/** Cores that a listing in the form of Linux's `/proc/cpuinfo` tells of; undefined if it does not name them. */
export function countCores(cpuinfo: string): number | undefined {
  const cores = new Set<string>();
  for (const block of cpuinfo.split('\n\n')) {
    const socket = /^physical id\s*:\s*(\d+)/m.exec(block)?.[1];
    const core = /^core id\s*:\s*(\d+)/m.exec(block)?.[1];
    if (core !== undefined) cores.add(`${socket ?? '0'}/${core}`);
  }
  return cores.size === 0 ? undefined : cores.size;
}

function listedCores(): number | undefined {
  if (process.platform !== 'linux') return undefined;
  try {
    return countCores(readFileSync('/proc/cpuinfo', 'utf8'));
  } catch {
    return undefined; // Containers may hide it.
  }
}
