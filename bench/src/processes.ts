import { readdirSync, readFileSync } from 'node:fs';

/** Resident memory of a process, in bytes. */
export interface ResidentMemory {
  readonly total: number;
  /** Its own, not backed by a file. */
  readonly anonymous: number;
  /** Mapped files: libraries, and weights that are mapped. */
  readonly mapped: number;
}

/**
 * Resident memory as `/proc` has it.
 * @throws Error where there is no `/proc`, or no such process
 */
export function residentMemory(pid: number): ResidentMemory {
  const status = readFileSync(`/proc/${pid}/status`, 'utf8');
  const bytes = (field: string): number => {
    const [, kibibytes] = new RegExp(`^${field}:\\s+(\\d+) kB$`, 'm').exec(status) ?? [];
    if (kibibytes === undefined) throw new Error(`/proc/${pid}/status has no ${field}`);
    return Number(kibibytes) * 1024;
  };
  return {
    total: bytes('VmRSS'),
    anonymous: bytes('RssAnon'),
    mapped: bytes('RssFile') + bytes('RssShmem'),
  };
}

/**
 * Process ids of the children of a process.
 * @throws Error where there is no `/proc`
 */
export function childrenOf(parent: number): number[] {
  return readdirSync('/proc')
    .filter(name => /^\d+$/.test(name))
    .map(Number)
    .filter(pid => parentOf(pid) === parent);
}

function parentOf(pid: number): number | undefined {
  let stat: string;
  try {
    stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
  } catch {
    // It ended since the folder was listed.
    return undefined;
  }
  // The name in parentheses may itself contain parentheses and spaces.
  const [, fields] = /^.*\) \S+ (\d+)/s.exec(stat) ?? [];
  return fields === undefined ? undefined : Number(fields);
}
