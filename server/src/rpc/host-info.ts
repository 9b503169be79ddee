import { readFileSync } from 'node:fs';
import { arch, cpus, platform } from 'node:os';
import { type HostInfo } from '@outrider/sdk/proto';

/** The machine that the server runs on. */
export function hostInfo(): HostInfo {
  const threads = cpus();
  return {
    physicalCores: physicalCores() ?? threads.length,
    logicalCores: threads.length,
    os: platform(),
    arch: arch(),
    cpu: threads[0]?.model ?? '',
  };
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

function physicalCores(): number | undefined {
  if (platform() !== 'linux') return undefined;
  try {
    return countCores(readFileSync('/proc/cpuinfo', 'utf8'));
  } catch {
    return undefined; // Containers may hide it; logical cores stand in.
  }
}
