import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const repository = fileURLToPath(new URL('../../', import.meta.url));

/** The two models that come with the project. */
export const EMBEDDED = {
  target: join(repository, 'models', 'tales-target-f32.gguf'),
  draft: join(repository, 'models', 'tales-draft-f32.gguf'),
} as const;

/** The built `outrider` command. */
export const OUTRIDER_COMMAND = join(repository, 'server', 'dist', 'main.js');

/** Where things that take long to make are kept: `OUTRIDER_CACHE_DIR`, or `.cache` in the repository. */
export function cacheDirectory(): string {
  const given = process.env['OUTRIDER_CACHE_DIR'];
  return given === undefined || given === '' ? join(repository, '.cache') : given;
}
