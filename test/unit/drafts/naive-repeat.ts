import { type Repeat } from '../../../server/src/engine/drafts/suffix-automaton.js';

/** Whether text[start..end] is what all of `whole` ends with. */
function occursAt(
  whole: readonly number[],
  length: number,
  text: readonly number[],
  end: number,
): boolean {
  for (let back = 0; back < length; back++) {
    if (text[end - back] !== whole[whole.length - 1 - back]) return false;
  }
  return end - length + 1 >= 0;
}

/** The longest end of text + `after` that occurs in the text and before its own place, and its last such occurrence: by trying all. */
export function naiveRepeat(text: readonly number[], after: readonly number[] = []): Repeat {
  const whole = [...text, ...after];
  const last = Math.min(text.length - 1, whole.length - 2);
  for (let length = whole.length - 1; length > 0; length--) {
    for (let end = last; end >= length - 1; end--) {
      if (occursAt(whole, length, text, end)) return { length, end };
    }
  }
  return { length: 0, end: -1 };
}

/** Whether what `repeat` names is an earlier occurrence of what the text ends with. */
export function isOccurrence(text: readonly number[], { length, end }: Repeat): boolean {
  return length === 0 ? end === -1 : end < text.length - 1 && occursAt(text, length, text, end);
}
