import { type GenerationHost } from '../../server/src/engine/thread/generation.js';
import { PlainCost } from '../../server/src/engine/thread/plain-cost.js';
import { type SchedulerListeners } from '../../server/src/engine/thread/scheduler.js';

/** What differs among the hosts of streams over tables. */
export interface TableHost extends Pick<
  GenerationHost,
  'decoder' | 'vocabularySize' | 'contextLength' | 'outputBudget' | 'paced' | 'emit'
> {
  readonly eogIds?: readonly number[];
}

/** What is around a stream over a table. Its text is its ids, and every step is held against the invariants. */
export function tableHost({ eogIds = [], ...rest }: TableHost): GenerationHost {
  return {
    ...rest,
    pieces: { eogIds, piece: id => new TextEncoder().encode(` ${id}`) },
    plainCost: new PlainCost(),
    invariants: true,
  };
}

/** Listeners of a scheduler under which nothing may go wrong. */
export const throwing: SchedulerListeners = {
  onBroken: code => {
    throw new Error(`decode failed with ${code}`);
  },
  onBug: error => {
    throw error;
  },
};
