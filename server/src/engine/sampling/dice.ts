import { noiseKeys, uniformAt } from './gumbel.js';

/** No vocabulary reaches this id, so that the dice are independent of every choice. */
const dieId = 2 ** 31 + 2;

/**
 * Synthetic acceptance, for benchmarks: a drafted token is accepted with a given probability, whatever the target would
 * have chosen. A die depends on seed and position alone, so a stream falls the same way each time.
 */
export class AcceptanceDice {
  readonly #rates: readonly number[];
  readonly #seed: number;
  readonly #keys = new Int32Array(2);

  /**
   * @param rates chance that the draft's token of each index is accepted once reached, 0 to 1; the last one repeats.
   *   Never empty
   * @param seed of the stream, 32 bits
   */
  constructor(rates: readonly number[], seed: number) {
    this.#rates = rates;
    this.#seed = seed;
  }

  /**
   * Whether a drafted token is accepted once those before it are.
   * @param index in its draft, from 0
   * @param pos index in the stream's token list of the token being decided, prompt counted
   */
  accepts(index: number, pos: number): boolean {
    const rate = this.#rates[Math.min(index, this.#rates.length - 1)] ?? 0;
    noiseKeys(this.#seed, 0, pos, this.#keys);
    return uniformAt(this.#keys[0] ?? 0, this.#keys[1] ?? 0, dieId) < rate;
  }
}
