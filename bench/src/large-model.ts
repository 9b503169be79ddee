import { createHash } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expandModel, type Expansion, EXPANSION_95M } from './expand.js';
import { cacheDirectory, EMBEDDED } from './places.js';

/** A model in the cache. */
export interface CachedModel {
  readonly path: string;
  /** How long it took to make, in milliseconds; unset when it was there already. */
  readonly madeInMs?: number;
}

/** The embedded target expanded, from the cache or made now (seconds). */
export function ensureLargeModel(expansion: Expansion = EXPANSION_95M): CachedModel {
  return ensureExpansion(EMBEDDED.target, expansion);
}

/** A model of the llama architecture expanded, or disturbed, from the cache or made now (seconds). */
export function ensureExpansion(source: string, expansion: Expansion): CachedModel {
  const path = join(cacheDirectory(), 'models', `${nameOf(source, expansion)}.gguf`);
  if (existsSync(path)) return { path };
  const start = performance.now();
  expandModel(source, path, expansion);
  return { path, madeInMs: performance.now() - start };
}

/** Changed when an expansion comes to write other bytes, so that no stale file is taken from the cache. */
const RECIPE = 1;

function nameOf(source: string, expansion: Expansion): string {
  const { width, layers, feedForward, type = 'f32', noise = 0, seed = 1 } = expansion;
  const digest = createHash('sha256')
    .update(readFileSync(source))
    .update(`${RECIPE}`)
    .digest('hex')
    .slice(0, 8);
  const disturbed = noise === 0 ? '' : `-noise${noise}`;
  const seeded = seed === 1 ? '' : `-seed${seed}`;
  return `tales-${width}x${layers}x${feedForward}${disturbed}${seeded}-${type}-${digest}`;
}
