import { EXPANSION_95M } from '../expand.js';
import { readShape } from '../expanded-metadata.js';
import { readGguf } from '../gguf/read.js';
import { ensureExpansion } from '../large-model.js';
import { EMBEDDED } from '../places.js';

/** Element types of the target's matrices. */
export const TARGET_TYPES = ['f32', 'bf16', 'q8_0'] as const;

/** How well a draft guesses. */
export const DRAFT_QUALITIES = ['good', 'middling', 'bad'] as const;

/** A target of 95 million parameters and a draft. */
export interface Pair {
  readonly target: (typeof TARGET_TYPES)[number];
  readonly draft: (typeof DRAFT_QUALITIES)[number];
}

/** Files of a pair. */
export interface PairFiles {
  readonly target: string;
  readonly draft: string;
}

/** Every pair, in the order of the table. */
export const PAIRS: readonly Pair[] = TARGET_TYPES.flatMap(target =>
  DRAFT_QUALITIES.map(draft => ({ target, draft })),
);

/**
 * What the drafts are disturbed copies of, and by how much. The expanded target computes what the embedded target
 * does, so the embedded target itself with a little noise guesses well; the embedded draft guesses a third of the
 * tokens of these prompts, too few for a middling draft. Share of drafted tokens accepted with 4 per step, greedy
 * and at temperature 0.8, measured over all prompts: .82 and .83, .50 and .58, .20 and .18.
 */
const DRAFTS = {
  good: { source: EMBEDDED.target, noise: 0.04 },
  middling: { source: EMBEDDED.target, noise: 0.12 },
  bad: { source: EMBEDDED.draft, noise: 0.2 },
} as const satisfies Record<Pair['draft'], { source: string; noise: number }>;

/** The pair as it is written on the command line and in the table, for example `f32-good`. */
export function pairName({ target, draft }: Pair): string {
  return `${target}-${draft}`;
}

/** The files of a pair, from the cache or made now. */
export function ensurePair({ target, draft }: Pair, report: (line: string) => void): PairFiles {
  const { source, noise } = DRAFTS[draft];
  const { width, layers, feedForward } = readShape(readGguf(source));
  const made = {
    target: ensureExpansion(EMBEDDED.target, { ...EXPANSION_95M, type: target }),
    draft: ensureExpansion(source, { width, layers, feedForward, noise }),
  };
  for (const { path, madeInMs } of Object.values(made)) {
    if (madeInMs !== undefined) report(`made ${path} in ${(madeInMs / 1000).toFixed(1)} s`);
  }
  return { target: made.target.path, draft: made.draft.path };
}
