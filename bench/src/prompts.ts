/** Beginnings of stories in the manner of what the embedded pair was trained on, of different lengths. */
export const PROMPTS: readonly string[] = [
  'Once upon a time there was a miller who lived at the edge of a dark wood.',
  'The old fox looked at the goose, and the goose looked at the gate. "If you open it," said the fox,',
  'In the morning the children ran down to the river, for they had heard that the ice was gone.',
  'There was nothing in the cupboard but a crust of bread and a blue cup. The grandmother took the cup, held it to the light, and',
  'The king had three daughters. The eldest could sing, the second could ride, and the youngest',
  'A small boat came round the point with no one in it. Peter waded out until the water stood at his belt, and then he saw',
  '"Who has been sleeping in my chair?" asked the bear, although he knew the answer very well.',
  'When the snow lay as high as the window, the little tailor counted his candles and said to his wife,',
];
