import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { type Token } from '@outrider/sdk';
import { greedyDifference } from '../../support/near-tie.js';

/** A token, and the best two candidates of its place: itself and the next id, so far apart. */
function token(id: number, gap: number): Token {
  const candidate = (each: number, logprob: number) => ({ id: each, text: '', logprob });
  const topLogprobs = [candidate(id, -1), candidate(id + 1, -1 - gap)];
  return { id, text: '', fromDraft: false, logprob: -1, topLogprobs };
}

describe('two greedy texts', () => {
  const reference = [token(10, 2), token(20, 0.009), token(30, 0.5)];

  beforeEach(() => {
    jest.spyOn(console, 'info').mockImplementation(() => undefined);
  });

  afterEach(() => {
    jest.restoreAllMocks();
  });

  it.each<[string, number[], RegExp | undefined]>([
    ['are the same, token by token', [10, 20, 30], undefined],
    ['are the same up to where one ended earlier', [10, 20], undefined],
    ['are as good as the same after a near tie', [10, 21, 99], undefined],
    ['differ where the scores are far apart', [10, 20, 31], /token 2 is 31 instead of 30, 0\.5000/],
    ['differ where the third best was taken', [10, 22], /token 1 is 22/],
    ['differ where one goes on', [10, 20, 30, 40], /token 3 is 40, where the reference has no/],
  ])('%s', (_title, ids, difference) => {
    const said = greedyDifference(
      ids.map(id => token(id, 1)),
      reference,
    );

    expect(said ?? '').toMatch(difference ?? /^$/);
  });

  it('tell a near tie, so that it can be counted', () => {
    greedyDifference([token(10, 1), token(21, 1)], reference);

    expect(console.info).toHaveBeenCalledWith(
      'a near tie: token 1 is 21 instead of 20, 0.0090 above 21',
    );
  });
});
