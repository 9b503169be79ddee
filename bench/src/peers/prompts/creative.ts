import { fold } from './fold.js';

/** Beginnings of stories. */
export const CREATIVE: readonly string[] = [
  'Once upon a time there was a clockmaker who could hear what his clocks were thinking, and',
  `
  On the last night of the year the wind came down the chimney, sat upon the hearth like a grey
  cat, and told the three sisters
  `,
  `
  The giant had lost his shadow. He had looked for it behind the barn and under the bridge, and at
  last he went to the smallest house in the village and
  `,
  `
  Nobody believed that the ship in the bottle could sail, until one stormy evening when the glass
  grew misty and a tiny lantern was lit upon the mast. Then the boy took the bottle in his hands and
  `,
  `
  There was a princess who would marry no one but the man who could show her something that she had
  never seen and would never see again. Many came and went away. At last there came a shepherd with
  a nut in his pocket, and
  `,
].map(fold);
