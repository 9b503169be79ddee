import { seededRandom } from '../../../bench/src/random.js';

/** Repeatable choices. */
export interface Chance {
  /** A whole number from 0 to below `count`. */
  below(count: number): number;
  /** One of them. @throws RangeError when there are none */
  oneOf<T>(choices: readonly T[]): T;
  /** So many bytes. */
  bytes(count: number): Buffer;
}

/** Choices that are the same for the same seed. */
export function chanceOf(seed: number): Chance {
  const random = seededRandom(seed);
  const below = (count: number): number => Math.floor(((random() + 1) / 2) * count);
  return {
    below,
    oneOf: choices => {
      const choice = choices.slice(below(choices.length)).at(0);
      if (choice === undefined) throw new RangeError('there is nothing to choose from');
      return choice;
    },
    bytes: count => Buffer.from(Array.from({ length: count }, () => below(256))),
  };
}
