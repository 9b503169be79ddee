import { arch, cpus, platform } from 'node:os';
import { type HostInfo } from '@outrider/sdk/proto';
import { physicalCores } from '../engine/host.js';

/** The machine that the server runs on. */
export function hostInfo(): HostInfo {
  const threads = cpus();
  return {
    physicalCores: physicalCores(),
    logicalCores: threads.length,
    os: platform(),
    arch: arch(),
    cpu: threads[0]?.model ?? '',
  };
}
