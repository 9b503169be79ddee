import fc from 'fast-check';

/** Texts of few different tokens, so that they repeat themselves. */
export function smallTexts(maxLength: number): fc.Arbitrary<number[]> {
  return fc
    .integer({ min: 1, max: 4 })
    .chain(tokens => fc.array(fc.nat(tokens - 1), { maxLength, size: 'max' }));
}

/** A reproducible text of that many tokens, each below `tokens`. */
export function randomText(length: number, tokens: number, seed = 1): number[] {
  let state = seed;
  return Array.from({ length }, () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) | 0;
    return (state >>> 8) % tokens;
  });
}

/** Every text over two tokens of at most that length. */
export function allBinaryTexts(maxLength: number): number[][] {
  const texts: number[][] = [[]];
  for (let from = 0; from < texts.length; from++) {
    const text = texts[from] ?? [];
    if (text.length < maxLength) texts.push([...text, 0], [...text, 1]);
  }
  return texts;
}

function fibonacciWord(length: number): number[] {
  let [shorter, word] = [[1], [0]];
  while (word.length < length) [shorter, word] = [word, [...word, ...shorter]];
  return word.slice(0, length);
}

/** Texts that strain a suffix automaton in one way each. */
export const strained: readonly (readonly [string, (length: number) => number[]])[] = [
  ['one token alone', length => Array.from({ length }, () => 0)],
  ['one token, then a run of another: most states', length => [0, ...run(length - 1, 1)]],
  [
    'a run between two others: most transitions',
    length => [0, ...run(length - 2, 1), 2].slice(0, length),
  ],
  ['two runs', length => [...run(Math.ceil(length / 2), 0), ...run(Math.floor(length / 2), 1)]],
  ['a period of seven', length => Array.from({ length }, (_, i) => i % 7)],
  ['the Fibonacci word', fibonacciWord],
  ['all tokens different', length => Array.from({ length }, (_, i) => i)],
  ['two tokens at random', length => randomText(length, 2)],
  ['fifty tokens at random', length => randomText(length, 50)],
  ['a vocabulary at random', length => randomText(length, 150_000)],
];

function run(length: number, token: number): number[] {
  return Array.from({ length }, () => token);
}
