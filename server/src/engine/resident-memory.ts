import { readFileSync } from 'node:fs';

/**
 * Resident memory of a process in bytes, mapped files included, as `ps` shows it; undefined when it is gone, and without
 * Linux's `/proc`.
 */
export function residentBytes(pid: number): number | undefined {
  if (process.platform !== 'linux') return undefined;
  try {
    const kib = /^VmRSS:\s*(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1];
    return kib === undefined ? undefined : Number(kib) * 1024;
  } catch {
    return undefined; // It has just ended.
  }
}
