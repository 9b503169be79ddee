/** What a token needs for being painted. */
export interface PaintedToken {
  readonly text: string;
  /** It was drafted and accepted. */
  readonly fromDraft: boolean;
}

const GREEN = '\u001b[32m';
const DIM = '\u001b[2m';
const RESET = '\u001b[0m';

/** Text of tokens, accepted drafts in green when there is colour. */
export function paintTokens(tokens: readonly PaintedToken[], colour: boolean): string {
  return tokens
    .map(({ text, fromDraft }) =>
      colour && fromDraft && text !== '' ? `${GREEN}${text}${RESET}` : text,
    )
    .join('');
}

/** Text that is not the model's. */
export function paintPrompt(prompt: string, colour: boolean): string {
  return colour ? `${DIM}${prompt}${RESET}` : prompt;
}

/** Whether to colour: on a terminal, unless `NO_COLOR` is set. */
export function wantsColour(
  stream: { readonly isTTY?: boolean },
  noColor: string | undefined,
): boolean {
  return stream.isTTY === true && (noColor === undefined || noColor === '');
}

/** Accepted drafts of each step as one digit, `+` from 10 up, in lines of 64. */
export function acceptanceStrip(accepted: readonly number[]): string[] {
  const digits = accepted.map(count => (count > 9 ? '+' : `${count}`)).join('');
  return digits.match(/.{1,64}/g) ?? [];
}

/** One line per number of accepted tokens: how many steps had it, with a bar at most `width` long. */
export function acceptanceBars(histogram: readonly number[], width = 40): string[] {
  const most = Math.max(1, ...histogram);
  return histogram.map((steps, accepted) => {
    const bar = '█'.repeat(Math.round((steps / most) * width));
    return `${`${accepted}`.padStart(2)} accepted ${`${steps}`.padStart(4)}  ${bar}`.trimEnd();
  });
}
