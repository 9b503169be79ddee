import koffi from 'koffi';
import { readFileSync } from 'node:fs';

const softPause = 1;

// Undefined until asked for, null where there is none; the lookup is done once per thread.
let pause: ((kind: number) => number) | null | undefined;

/**
 * Ends the threads that GNU OpenMP keeps for the calling thread between its parallel regions; the next region makes new
 * ones. Nothing happens where the libraries were built without it, as node-llama-cpp's are. To be asked only once
 * llama.cpp is open.
 */
export function endOpenMpTeam(): void {
  if (pause === undefined) pause = bindPause();
  pause?.(softPause);
}

function bindPause(): typeof pause {
  const file = /\s(\/\S*libgomp\S*)$/m.exec(mappedFiles())?.[1];
  if (file === undefined) return null;
  return koffi.load(file).func('int omp_pause_resource_all(int)') as (kind: number) => number;
}

/** What the process has mapped, a line each. */
function mappedFiles(): string {
  // GNU OpenMP is what llama.cpp is built with on Linux; elsewhere there is no such listing.
  if (process.platform !== 'linux') return '';
  try {
    return readFileSync('/proc/self/maps', 'utf8');
  } catch {
    return '';
  }
}
