import { fold } from './fold.js';

const PASSAGES = [
  `
  The key of the great chest hangs behind the picture of the old admiral, in the room above the
  stable. The chest itself stands under the stair, covered with a green cloth, and in it are the
  silver spoons, the letters of the duchess, and a map of the island.
  `,
  `
  In the village of Redbrook there are forty houses, two inns, one church and no school. The larger
  inn is called the Three Herons, and the smaller inn is called the Crooked Billet. The church has a
  bell that was brought from over the sea in the year of the great frost.
  `,
  `
  Take a pound of flour, half a pound of butter, four eggs and a cup of honey. Beat the eggs with
  the honey, rub the butter into the flour, and stir the whole until the spoon stands upright. Bake
  it for an hour in a slow oven, and let nobody cut it before Sunday.
  `,
  `
  The first gate is of wood, and a dwarf keeps it. The second gate is of iron, and a lion keeps it.
  The third gate is of glass, and it keeps itself, for whoever looks into it sees his own house and
  turns back. Behind the third gate stands the tree with the silver pears.
  `,
  `
  On the fourth of May the good ship Swallow left the harbour with nineteen men, a goat, and provisions
  for ninety days. On the ninth of May she met with a storm and lost her foremast. On the twelfth of
  May she came to an island which was not upon any chart.
  `,
].map(fold);

/** A passage twice over, and the beginning of a third copy. */
export const RETRIEVAL: readonly string[] = PASSAGES.map(passage => {
  const beginning = passage.split(' ').slice(0, 5).join(' ');
  return `It is written: ${passage} Read it again: ${passage} Once more, word for word: ${beginning}`;
});
