import { fold } from './fold.js';

/** A tale, then the beginning of its short form. */
export const SUMMARY: readonly string[] = [
  `
  A miller had a donkey that had carried his sacks for many years. At last it grew old and slow, and
  the miller made up his mind to sell it. The donkey heard of this and ran away by night. On the
  road it met a dog that could no longer hunt and a cat that could no longer catch mice. "Come with
  me," said the donkey, "we will go to the town and sing for our bread." They came to a house in the
  wood where thieves sat at supper, and they sang so loudly that the thieves ran away and never came
  back. In short, the tale is this: the donkey
  `,
  `
  In the spring Martha planted a row of beans, and every morning she counted the leaves. In the
  summer there was no rain, and she carried water from the brook, two pails before breakfast and two
  pails after supper. Her brothers laughed at her. In the autumn there were nine baskets of beans,
  and in the winter, when there was nothing else to eat, her brothers did not laugh any more. The
  story in a few words: Martha
  `,
  `
  The duke promised half of his lands to the man who should bring him a feather of the golden bird.
  Three brothers set out. The eldest stayed at the first inn, the second at the second inn, but the
  youngest slept under the trees, and there the bird came to him in the night, because he had shared
  his bread with the sparrows. He took one feather and let it go again. To put it shortly, the
  youngest brother
  `,
  `
  The lighthouse stood upon a rock far out in the sea, and the keeper lived there with his daughter.
  One night he lay sick with a fever, and she climbed the stair alone, one hundred and forty steps,
  and lit the lamp. All night long she wound the clockwork that turned it. In the morning a great
  ship lay safe in the bay, and the sailors never knew who had saved them. What happened was
  this: the keeper's daughter
  `,
  `
  Two neighbours quarrelled about a hedge. The one said that it was too high and the other said that
  it was too low, and they went before the judge. The judge listened for three days. Then he had the
  hedge cut down, sold the wood, kept the money, and sent them home. Since that time they have
  always talked to each other across the open field. The sense of it is that two neighbours
  `,
].map(fold);
